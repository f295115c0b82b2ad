// Tells JavaScript that a descriptor can be read or written, or that a child ended (a pidfd turns readable).
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <uv.h>

struct watcher {
  uv_poll_t poll;
  napi_env env;
  napi_ref callback;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  bool closing;
  int owners;  // the poll handle and the stop function; the last to go frees it
};

static void release(struct watcher *watcher) {
  if (--watcher->owners == 0) free(watcher);
}

static void on_event(uv_poll_t *poll, int status, int events) {
  struct watcher *watcher = poll->data;
  napi_env env = watcher->env;
  napi_handle_scope scope;
  napi_value callback, global, argument;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  if (napi_get_reference_value(env, watcher->callback, &callback) == napi_ok &&
      napi_get_global(env, &global) == napi_ok && (argument = make_int(env, status)) &&
      napi_make_callback(env, watcher->context, global, callback, 1, &argument, NULL) == napi_pending_exception) {
    napi_value exception;
    if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
  }
  napi_close_handle_scope(env, scope);
}

static void on_closed(uv_handle_t *handle) {
  struct watcher *watcher = handle->data;
  napi_handle_scope scope;
  if (napi_open_handle_scope(watcher->env, &scope) == napi_ok) {
    napi_delete_reference(watcher->env, watcher->callback);
    napi_async_destroy(watcher->env, watcher->context);
    napi_close_handle_scope(watcher->env, scope);
  }
  napi_remove_async_cleanup_hook(watcher->cleanup);
  release(watcher);
}

static void stop(struct watcher *watcher) {
  if (watcher->closing) return;
  watcher->closing = true;
  uv_poll_stop(&watcher->poll);
  uv_close((uv_handle_t *)&watcher->poll, on_closed);
}

static void on_environment_exit(napi_async_cleanup_hook_handle hook, void *data) { stop(data); }

static void on_collected(napi_env env, void *watcher, void *hint) { release(watcher); }

// The function that watch() returned was called, perhaps not for the first time.
static napi_value unwatch(napi_env env, napi_callback_info info) {
  void *watcher;
  size_t none = 0;
  if (napi_get_cb_info(env, info, &none, NULL, NULL, &watcher) == napi_ok) stop(watcher);
  return NULL;
}

static napi_value start(napi_env env, napi_callback_info info, bool keeps_alive) {
  napi_value arguments[3], name, result;
  int fd;
  bool writable;
  uv_loop_t *loop;
  napi_valuetype type;
  if (!get_arguments(env, info, 3, arguments) || !get_int(env, arguments[0], "fd", &fd)) return NULL;
  if (napi_get_value_bool(env, arguments[1], &writable) != napi_ok) return throw_type(env, "writable must be boolean");
  if (napi_typeof(env, arguments[2], &type) != napi_ok || type != napi_function)
    return throw_type(env, "callback must be a function");
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return throw_type(env, "no event loop");

  struct watcher *watcher = calloc(1, sizeof *watcher);
  if (!watcher) return throw_errno(env, ENOMEM, "malloc", NULL);
  watcher->env = env;
  int error = uv_poll_init(loop, &watcher->poll, fd);
  if (error) {
    free(watcher);
    return throw_errno(env, -error, "epoll_ctl", NULL);
  }
  watcher->poll.data = watcher;
  watcher->owners = 1;
  if (napi_add_async_cleanup_hook(env, on_environment_exit, watcher, &watcher->cleanup) != napi_ok ||
      napi_create_string_utf8(env, "zerodown.watch", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env, NULL, name, &watcher->context) != napi_ok ||
      napi_create_reference(env, arguments[2], 1, &watcher->callback) != napi_ok ||
      napi_create_function(env, "stop", NAPI_AUTO_LENGTH, unwatch, watcher, &result) != napi_ok ||
      napi_add_finalizer(env, result, watcher, on_collected, NULL, NULL) != napi_ok) {
    stop(watcher);
    return throw_errno(env, ENOMEM, "watch", NULL);
  }
  watcher->owners = 2;
  error = uv_poll_start(&watcher->poll, writable ? UV_WRITABLE : UV_READABLE, on_event);
  if (error) {
    stop(watcher);
    return throw_errno(env, -error, "epoll_ctl", NULL);
  }
  if (!keeps_alive) uv_unref((uv_handle_t *)&watcher->poll);
  return result;
}

// watch(fd, writable, callback) → stop(). The callback gets 0 or a negative errno; it is called for as long as the
// descriptor is ready. The caller closes the descriptor, after stop().
static napi_value watch(napi_env env, napi_callback_info info) { return start(env, info, true); }

// watchAside(fd, writable, callback) → stop(): the same, but it doesn't keep the process alive
static napi_value watch_aside(napi_env env, napi_callback_info info) { return start(env, info, false); }

bool watch_init(napi_env env, napi_value exports) {
  return export_function(env, exports, "watch", watch) && export_function(env, exports, "watchAside", watch_aside);
}
