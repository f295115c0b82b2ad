// flock(2): a lock that the kernel drops with the process that holds it.
#include "addon.h"

#include <errno.h>
#include <sys/file.h>

// lock(fd) → whether this open file has the lock now; false: another one has it
static napi_value lock(napi_env env, napi_callback_info info) {
  napi_value argument, result;
  int fd;
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "fd", &fd)) return NULL;
  bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
  if (!locked && errno != EWOULDBLOCK) return throw_errno(env, errno, "flock", NULL);
  return napi_get_boolean(env, locked, &result) == napi_ok ? result : NULL;
}

bool lock_init(napi_env env, napi_value exports) { return export_function(env, exports, "lock", lock); }
