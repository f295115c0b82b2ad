#include "addon.h"

NAPI_MODULE_INIT() {
  bool ok = spawn_init(env, exports) && watch_init(env, exports) && socket_init(env, exports) &&
            message_init(env, exports) && file_init(env, exports) && memory_init(env, exports) &&
            lock_init(env, exports) && replace_init(env, exports);
  return ok ? exports : throw_type(env, "the addon could not define its functions");
}
