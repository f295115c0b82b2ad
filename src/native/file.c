// Descriptors and files: what Node has no calls for.
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY 1027
#endif

enum { FIRST_FD = 3, XATTR_BYTES = 256, THREAD_STACK_BYTES = 64 * 1024 };

// duplicate(fd) → another descriptor of the same open file, close-on-exec
static napi_value duplicate(napi_env env, napi_callback_info info) {
  napi_value argument;
  int fd;
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "fd", &fd)) return NULL;
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
  return copy < 0 ? throw_errno(env, errno, "fcntl", NULL) : make_int(env, copy);
}

// isNonBlocking(fd) → boolean
static napi_value is_non_blocking(napi_env env, napi_callback_info info) {
  napi_value argument, result;
  int fd;
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "fd", &fd)) return NULL;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return throw_errno(env, errno, "fcntl", NULL);
  return napi_get_boolean(env, flags & O_NONBLOCK, &result) == napi_ok ? result : NULL;
}

// setNonBlocking(fd, nonBlocking)
static napi_value set_non_blocking(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int fd;
  bool on;
  if (!get_arguments(env, info, 2, arguments) || !get_int(env, arguments[0], "fd", &fd)) return NULL;
  if (napi_get_value_bool(env, arguments[1], &on) != napi_ok) return throw_type(env, "nonBlocking must be boolean");
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
    return throw_errno(env, errno, "fcntl", NULL);
  return NULL;
}

// sameFile(a, b) → boolean
static napi_value same_file(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result;
  int a, b;
  if (!get_arguments(env, info, 2, arguments) || !get_int(env, arguments[0], "a", &a) ||
      !get_int(env, arguments[1], "b", &b))
    return NULL;
  pid_t pid = getpid();
  long order = syscall(SYS_kcmp, pid, pid, KCMP_FILE, a, b);
  int error = errno, same = order == 0;
  // Where a sandbox forbids that, or the kernel was built without, one since 6.10 knows another way.
  if (order < 0 && (same = fcntl(a, F_DUPFD_QUERY, b)) < 0) return throw_errno(env, error, "kcmp", NULL);
  return napi_get_boolean(env, same, &result) == napi_ok ? result : NULL;
}

// alarm(fd) → a descriptor that can be read once fd hangs up or has an error (EPOLLHUP, EPOLLERR), and by that alone. The
// open file itself, which others share, is left as it is.
static napi_value make_alarm(napi_env env, napi_callback_info info) {
  napi_value argument;
  int fd;
  struct epoll_event nothing_else = {0};
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "fd", &fd)) return NULL;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return throw_errno(env, errno, "epoll_create1", NULL);
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &nothing_else) == 0) return make_int(env, epoll);
  int error = errno;
  close(epoll);
  return throw_errno(env, error, "epoll_ctl", NULL);
}

// close(2) waits: for a socket with SO_LINGER until its data is out, for a file of a network or a FUSE file system for as long
// as that likes.
static bool may_block(int fd) {
  struct stat status;
  struct statfs filesystem;
  struct linger linger = {0};
  socklen_t size = sizeof linger;
  if (fstat(fd, &status) < 0 || S_ISFIFO(status.st_mode) || !(status.st_mode & S_IFMT)) return false;
  if (S_ISSOCK(status.st_mode)) return getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size) == 0 && linger.l_onoff;
  return fstatfs(fd, &filesystem) < 0 || filesystem.f_type != TMPFS_MAGIC;
}

static void *close_in_thread(void *fd) {
  close((intptr_t)fd);
  return NULL;
}

// closeAside(fd): closes a descriptor of which nobody knows what it is, without ever waiting
static napi_value close_aside(napi_env env, napi_callback_info info) {
  napi_value argument;
  int fd;
  pthread_t thread;
  pthread_attr_t detached;
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "fd", &fd)) return NULL;
  bool isAside = false;
  if (may_block(fd) && pthread_attr_init(&detached) == 0) {
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&detached, THREAD_STACK_BYTES);
    isAside = pthread_create(&thread, &detached, close_in_thread, (void *)(intptr_t)fd) == 0;
    pthread_attr_destroy(&detached);
  }
  if (!isAside && close(fd) < 0) return throw_errno(env, errno, "close", NULL);
  return NULL;
}

// xattr(path, name) → the value as text; null when there is none, or the file system knows none
static napi_value xattr(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result = NULL;
  char *path, *name = NULL, value[XATTR_BYTES];
  if (!get_arguments(env, info, 2, arguments) || !(path = get_string(env, arguments[0], "path"))) return NULL;
  if ((name = get_string(env, arguments[1], "name"))) {
    ssize_t length = getxattr(path, name, value, sizeof value);
    if (length >= 0)
      napi_create_string_utf8(env, value, length, &result);
    else if (errno == ENODATA || errno == EOPNOTSUPP)
      napi_get_null(env, &result);
    else
      throw_errno(env, errno, "getxattr", path);
  }
  free(path);
  free(name);
  return result;
}

bool file_init(napi_env env, napi_value exports) {
  return export_function(env, exports, "duplicate", duplicate) &&
         export_function(env, exports, "isNonBlocking", is_non_blocking) &&
         export_function(env, exports, "setNonBlocking", set_non_blocking) &&
         export_function(env, exports, "sameFile", same_file) &&
         export_function(env, exports, "alarm", make_alarm) &&
         export_function(env, exports, "closeAside", close_aside) && export_function(env, exports, "xattr", xattr);
}
