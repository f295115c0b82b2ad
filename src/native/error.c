// Errors, and the conversion of arguments and results.
#include "addon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

// execve, chdir, waitid and sendmsg may fail with these, for which libuv has no words.
static const struct {
  int error;
  const char *name, *text;
} others[] = {
    {ENOEXEC, "ENOEXEC", "exec format error"},
    {ELIBBAD, "ELIBBAD", "accessing a corrupted shared library"},
    {ESTALE, "ESTALE", "stale file handle"},
    {ECHILD, "ECHILD", "no child processes"},
    {ETOOMANYREFS, "ETOOMANYREFS", "too many references: cannot splice"},
};

static void describe_error(int error, char name[static 32], char text[static 128]) {
  // uv_err_name and uv_strerror would leak what they make up for a number that they don't know.
  uv_err_name_r(-error, name, 32);
  uv_strerror_r(-error, text, 128);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    if (others[i].error != error) continue;
    snprintf(name, 32, "%s", others[i].name);
    snprintf(text, 128, "%s", others[i].text);
  }
}

// The same shape as the errors of Node's own fs and net: "ENOENT: no such file or directory, execve 'app'".
napi_value throw_errno(napi_env env, int error, const char *syscall, const char *subject) {
  char text[1024], code[32], explanation[128];
  describe_error(error, code, explanation);
  if (subject)
    snprintf(text, sizeof text, "%s: %s, %s '%s'", code, explanation, syscall, subject);
  else
    snprintf(text, sizeof text, "%s: %s, %s", code, explanation, syscall);

  napi_value message, code_value, object;
  if (napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message) != napi_ok ||
      napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &code_value) != napi_ok ||
      napi_create_error(env, code_value, message, &object) != napi_ok || !set_int(env, object, "errno", -error) ||
      !set_string(env, object, "syscall", syscall, NAPI_AUTO_LENGTH))
    return NULL;
  if (subject && !set_string(env, object, "path", subject, NAPI_AUTO_LENGTH)) return NULL;
  napi_throw(env, object);
  return NULL;
}

napi_value throw_type(napi_env env, const char *message) {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  return NULL;
}

static void throw_expected(napi_env env, const char *name, const char *expected) {
  char text[128];
  snprintf(text, sizeof text, "%s must be %s", name, expected);
  throw_type(env, text);
}

bool get_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, values, NULL, NULL) != napi_ok || given < count) {
    throw_type(env, "too few arguments");
    return false;
  }
  return true;
}

bool get_int(napi_env env, napi_value value, const char *name, int *result) {
  double number;
  // Only a number in the range may be cast; NaN is in none.
  if (napi_get_value_double(env, value, &number) != napi_ok || !(number >= INT32_MIN && number <= INT32_MAX) ||
      number != (int)number) {
    throw_expected(env, name, "an integer");
    return false;
  }
  *result = (int)number;
  return true;
}

static bool get_field(napi_env env, napi_value object, const char *name, napi_value *result) {
  if (napi_get_named_property(env, object, name, result) == napi_ok) return true;
  throw_expected(env, name, "given");
  return false;
}

bool get_int_field(napi_env env, napi_value object, const char *name, int *result) {
  napi_value value;
  return get_field(env, object, name, &value) && get_int(env, value, name, result);
}

char *get_string(napi_env env, napi_value value, const char *name) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) {
    throw_expected(env, name, "a string");
    return NULL;
  }
  char *text = malloc(length + 1);
  if (!text) {
    throw_errno(env, ENOMEM, "malloc", NULL);
    return NULL;
  }
  if (napi_get_value_string_utf8(env, value, text, length + 1, &length) != napi_ok || strlen(text) != length) {
    free(text);
    throw_expected(env, name, "a string without NUL bytes");
    return NULL;
  }
  return text;
}

// A character for each byte: the kernel's arguments, variables and paths need not be UTF-8.
char *get_bytes(napi_env env, napi_value value, const char *name) {
  size_t length;
  if (napi_get_value_string_utf16(env, value, NULL, 0, &length) != napi_ok) {
    throw_expected(env, name, "a string");
    return NULL;
  }
  char *bytes = malloc(length + 1);
  char16_t *wide = malloc((length + 1) * sizeof *wide);
  bool ok = false;
  if (!bytes || !wide) {
    throw_errno(env, ENOMEM, "malloc", NULL);
  } else if (napi_get_value_string_utf16(env, value, wide, length + 1, &length) == napi_ok) {
    ok = true;
    for (size_t i = 0; i < length; i++) {
      ok = ok && wide[i] > 0 && wide[i] <= 0xff;
      bytes[i] = (char)wide[i];
    }
    bytes[length] = 0;
    if (!ok) throw_expected(env, name, "a string of bytes other than NUL");
  }
  free(wide);
  if (ok) return bytes;
  free(bytes);
  return NULL;
}

char *get_string_field(napi_env env, napi_value object, const char *name) {
  napi_value value;
  return get_field(env, object, name, &value) ? get_string(env, value, name) : NULL;
}

bool get_int_array(napi_env env, napi_value value, const char *name, int **result, uint32_t *count) {
  if (napi_get_array_length(env, value, count) != napi_ok) {
    throw_expected(env, name, "an array");
    return false;
  }
  *result = calloc(*count + 1, sizeof **result);
  if (!*result) {
    throw_errno(env, ENOMEM, "malloc", NULL);
    return false;
  }
  for (uint32_t i = 0; i < *count; i++) {
    napi_value element;
    if (napi_get_element(env, value, i, &element) != napi_ok || !get_int(env, element, name, &(*result)[i])) {
      free(*result);
      *result = NULL;
      return false;
    }
  }
  return true;
}

napi_value make_int(napi_env env, int64_t value) {
  napi_value result;
  return napi_create_int64(env, value, &result) == napi_ok ? result : NULL;
}

bool set_int(napi_env env, napi_value object, const char *name, int64_t value) {
  napi_value number = make_int(env, value);
  return number && napi_set_named_property(env, object, name, number) == napi_ok;
}

bool set_bool(napi_env env, napi_value object, const char *name, bool value) {
  napi_value boolean;
  return napi_get_boolean(env, value, &boolean) == napi_ok &&
         napi_set_named_property(env, object, name, boolean) == napi_ok;
}

bool set_string(napi_env env, napi_value object, const char *name, const char *value, size_t length) {
  napi_value text;
  return napi_create_string_utf8(env, value, length, &text) == napi_ok &&
         napi_set_named_property(env, object, name, text) == napi_ok;
}

bool export_function(napi_env env, napi_value exports, const char *name, napi_callback function) {
  napi_value value;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, function, NULL, &value) == napi_ok &&
         napi_set_named_property(env, exports, name, value) == napi_ok;
}
