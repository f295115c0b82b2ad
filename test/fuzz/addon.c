// Fuzzes what the addon reads, with libFuzzer: addresses, messages with descriptors, and the conversion of every argument.
// The addon's own files are in here as they are, with the functions of Node-API that they call in their smallest form.
#include "../../src/native/address.c"
#include "../../src/native/error.c"
#include "../../src/native/message.c"
#include "../../src/native/socket.c"

#include <assert.h>

// ── Node-API ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

enum type { OTHER, NUMBER, STRING, ARRAY };

struct napi_value__ {
  enum type type;
  double number;
  const char *bytes;  // of a string
  size_t size;        // of a string or an array
  napi_value element; // of an array: each is this
};

struct napi_callback_info__ {
  napi_value arguments[6];
  size_t count;
};

static struct napi_value__ values[1024];
static size_t used;
static bool thrown;
static int passed[MESSAGE_FDS];  // the numbers that were put into an array
static size_t passed_count;

static napi_status make(struct napi_value__ value, napi_value *result) {
  assert(used < sizeof values / sizeof *values);
  values[used] = value;
  *result = &values[used++];
  return napi_ok;
}

static napi_status touch(const char *bytes, size_t size) {
  static volatile char sum;
  if (size == NAPI_AUTO_LENGTH) size = strlen(bytes);
  for (size_t i = 0; i < size; i++) sum ^= bytes[i];
  (void)sum;
  return napi_ok;
}

napi_status napi_get_cb_info(napi_env env, napi_callback_info info, size_t *count, napi_value *out, napi_value *self, void **data) {
  for (size_t i = 0; i < *count && i < info->count; i++) out[i] = info->arguments[i];
  *count = info->count;
  return napi_ok;
}

napi_status napi_get_value_double(napi_env env, napi_value value, double *result) {
  *result = value->number;
  return value->type == NUMBER ? napi_ok : napi_number_expected;
}

napi_status napi_get_value_string_utf8(napi_env env, napi_value value, char *out, size_t space, size_t *size) {
  if (value->type != STRING) return napi_string_expected;
  *size = out && space <= value->size ? space - 1 : value->size;
  if (!out) return napi_ok;
  memcpy(out, value->bytes, *size);
  out[*size] = 0;
  return napi_ok;
}

napi_status napi_get_value_string_utf16(napi_env env, napi_value value, char16_t *out, size_t space, size_t *size) {
  if (value->type != STRING) return napi_string_expected;
  *size = out && space <= value->size ? space - 1 : value->size;
  if (!out) return napi_ok;
  for (size_t i = 0; i < *size; i++) out[i] = (unsigned char)value->bytes[i];
  out[*size] = 0;
  return napi_ok;
}

// A number stands for a boolean, too.
napi_status napi_get_value_bool(napi_env env, napi_value value, bool *result) {
  *result = value->number > 0;
  return value->type == NUMBER ? napi_ok : napi_boolean_expected;
}

napi_status napi_get_array_length(napi_env env, napi_value value, uint32_t *length) {
  *length = value->size;
  return value->type == ARRAY ? napi_ok : napi_array_expected;
}

napi_status napi_get_element(napi_env env, napi_value value, uint32_t index, napi_value *result) {
  *result = value->element;
  return napi_ok;
}

napi_status napi_set_element(napi_env env, napi_value array, uint32_t index, napi_value value) {
  assert(passed_count < MESSAGE_FDS);
  passed[passed_count++] = value->number;
  return napi_ok;
}

napi_status napi_create_int64(napi_env env, int64_t number, napi_value *result) {
  return make((struct napi_value__){.type = NUMBER, .number = number}, result);
}

napi_status napi_create_string_utf8(napi_env env, const char *bytes, size_t size, napi_value *result) {
  touch(bytes, size);
  return make((struct napi_value__){.type = STRING}, result);
}

napi_status napi_create_buffer_copy(napi_env env, size_t size, const void *bytes, void **copy, napi_value *result) {
  touch(bytes, size);
  return make((struct napi_value__){0}, result);
}

static napi_status make_other(napi_value *result) { return make((struct napi_value__){0}, result); }
napi_status napi_get_null(napi_env env, napi_value *result) { return make_other(result); }
napi_status napi_get_boolean(napi_env env, bool value, napi_value *result) { return make_other(result); }
napi_status napi_create_object(napi_env env, napi_value *result) { return make_other(result); }
napi_status napi_create_array_with_length(napi_env env, size_t size, napi_value *result) { return make_other(result); }
napi_status napi_create_error(napi_env env, napi_value code, napi_value text, napi_value *result) { return make_other(result); }
napi_status napi_get_named_property(napi_env env, napi_value object, const char *name, napi_value *result) { return napi_object_expected; }
napi_status napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value) { return touch(name, NAPI_AUTO_LENGTH); }
napi_status napi_create_function(napi_env env, const char *name, size_t size, napi_callback call, void *data, napi_value *result) { return make_other(result); }

napi_status napi_throw(napi_env env, napi_value error) {
  thrown = true;
  return napi_ok;
}

napi_status napi_throw_type_error(napi_env env, const char *code, const char *text) {
  thrown = true;
  return touch(text, NAPI_AUTO_LENGTH);
}

char *uv_err_name_r(int error, char *text, size_t size) { return snprintf(text, size, "E%d", error), text; }
char *uv_strerror_r(int error, char *text, size_t size) { return snprintf(text, size, "error %d", error), text; }

// ── The input ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

static const uint8_t *input;
static size_t left;

static unsigned take_byte(void) { return left ? (left--, *input++) : 0; }

static const char *take_bytes(size_t *size) {
  const char *start = (const char *)input;
  size_t wanted = take_byte() | take_byte() << 8;
  start = (const char *)input;
  *size = wanted < left ? wanted : left;
  input += *size;
  left -= *size;
  return start;
}

// The value is sometimes of another type than the one that is wanted.
static napi_value take_value(enum type wanted, double usual) {
  static const double odd[] = {-1, 0.5, 1e300, INT32_MAX, INT32_MIN, 0.0 / 0.0, 65536, 999};
  napi_value value;
  unsigned kind = take_byte();
  make((struct napi_value__){.type = kind >= 250 ? kind % 4 : wanted, .number = usual}, &value);
  if (value->type == NUMBER && kind < 8) value->number = odd[kind];
  if (value->type == STRING) value->bytes = take_bytes(&value->size);
  if (value->type == ARRAY) {
    value->size = take_byte() << take_byte() % 3;
    make((struct napi_value__){.type = NUMBER, .number = usual}, &value->element);
  }
  return value;
}

static napi_value call(napi_callback function, struct napi_callback_info__ info) {
  thrown = false;
  napi_value result = function(NULL, &info);
  assert(!(result && thrown));
  return result;
}

// Looks at the socket that was made, if one was.
static void describe(napi_value made) {
  if (!made || made->type != NUMBER) return;
  assert(call(describe_socket, (struct napi_callback_info__){{made}, 1}));
  close(made->number);
}

// The peer sends a message by itself, with any number of descriptors.
static void send_raw(int fd) {
  size_t size;
  const char *bytes = take_bytes(&size);
  int fds[MESSAGE_FDS], count = take_byte() % (MESSAGE_FDS + 1);
  for (int i = 0; i < count; i++) fds[i] = fd;
  control_buffer control = {0};
  struct iovec part = {(void *)bytes, size};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
  message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  *CMSG_FIRSTHDR(&message) = (struct cmsghdr){CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, count * sizeof(int));
  if (!count) message.msg_controllen = 0;
  sendmsg(fd, &message, MSG_DONTWAIT);
}

static void exchange(bool raw) {
  int pair[2];
  assert(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) == 0);
  if (take_byte() % 2) call(pass_credentials, (struct napi_callback_info__){{take_value(NUMBER, pair[1])}, 1});
  if (raw)
    send_raw(pair[0]);
  else
    call(send_message, (struct napi_callback_info__){
                           {take_value(NUMBER, pair[0]), take_value(STRING, 0), take_value(ARRAY, pair[0])}, 3});
  call(receive, (struct napi_callback_info__){{take_value(NUMBER, pair[1])}, 1});
  for (size_t i = 0; i < passed_count; i++) close(passed[i]);
  close(pair[0]);
  close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int lowest = dup(0);
  close(lowest);
  input = data;
  left = size;
  used = passed_count = 0;
  switch (take_byte() % 5) {
    case 0:
      exchange(false);
      break;
    case 1:
      exchange(true);
      break;
    case 2:
      describe(call(connect_unix, (struct napi_callback_info__){{take_value(NUMBER, SOCK_DGRAM), take_value(STRING, 0)}, 2}));
      break;
    case 3: {
      napi_value name = take_value(STRING, 0);
      // A socket's file would be left behind.
      if (name->type == STRING && name->size && name->bytes[0] == '/') break;
      describe(call(bind_unix, (struct napi_callback_info__){{take_value(NUMBER, SOCK_STREAM), name}, 2}));
      break;
    }
    case 4: {
      int family = take_byte() % 2 ? AF_INET : AF_INET6;
      describe(call(bind_inet, (struct napi_callback_info__){{take_value(NUMBER, SOCK_STREAM), take_value(NUMBER, family),
                                                              take_value(STRING, 0), take_value(STRING, 0),
                                                              take_value(NUMBER, 0), take_value(NUMBER, 1)},
                                                             6}));
    }
  }
  // Whatever happened, no descriptor is left.
  int probe = dup(0);
  assert(probe == lowest);
  close(probe);
  return 0;
}
