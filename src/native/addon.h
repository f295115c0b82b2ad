// The addon's files share this. Each file exports its functions to JavaScript through one *_init.
#pragma once

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

// error.c: every failure becomes a JavaScript Error with code, errno and syscall. They return NULL, so that
// `return throw_errno(…)` ends a function.
napi_value throw_errno(napi_env env, int error, const char *syscall, const char *subject);
napi_value throw_type(napi_env env, const char *message);

// Arguments. Each throws and returns false where the value isn't of its type.
bool get_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values);
bool get_int(napi_env env, napi_value value, const char *name, int *result);
bool get_int_field(napi_env env, napi_value object, const char *name, int *result);
char *get_string(napi_env env, napi_value value, const char *name);  // malloc'd; refuses NUL bytes
char *get_bytes(napi_env env, napi_value value, const char *name);   // the same, of a string of bytes
char *get_string_field(napi_env env, napi_value object, const char *name);
// An array's strings, ended by NULL, with room for `spare` more before that; free_strings() is for them.
char **get_strings(napi_env env, napi_value object, const char *name, uint32_t spare, uint32_t *count);
void free_strings(char **strings);
bool get_int_array(napi_env env, napi_value value, const char *name, int **result, uint32_t *count);  // malloc'd

// Results.
bool set_int(napi_env env, napi_value object, const char *name, int64_t value);
bool set_bool(napi_env env, napi_value object, const char *name, bool value);
bool set_string(napi_env env, napi_value object, const char *name, const char *value, size_t length);
bool export_function(napi_env env, napi_value exports, const char *name, napi_callback function);
napi_value make_int(napi_env env, int64_t value);

// address.c: "/path" and "@abstract" as a sockaddr_un. Returns 0 or an errno.
int unix_address(const char *name, struct sockaddr_un *address, socklen_t *length);
int inet_address(int family, const char *host, const char *interface, int port, struct sockaddr_storage *address,
                 socklen_t *length);
bool describe_address(napi_env env, napi_value object, const struct sockaddr_storage *address, socklen_t length);

bool spawn_init(napi_env env, napi_value exports);
bool watch_init(napi_env env, napi_value exports);
bool socket_init(napi_env env, napi_value exports);
bool message_init(napi_env env, napi_value exports);
bool file_init(napi_env env, napi_value exports);
bool memory_init(napi_env env, napi_value exports);
bool lock_init(napi_env env, napi_value exports);
bool replace_init(napi_env env, napi_value exports);
