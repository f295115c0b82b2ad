// Descriptors and files: what Node has no calls for.
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY 1027
#endif

enum { FIRST_FD = 3, XATTR_BYTES = 256, THREAD_STACK_BYTES = 64 * 1024, MAX_THREADS = 8 };

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

// alarm(fd) → a descriptor that can be read once fd hangs up or has an error (EPOLLHUP, EPOLLERR), and by that alone.
// The open file itself, which others share, is left as it is.
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

// The type of a file, as in st_mode, and its number, without a word to a server that may never answer.
static int look_at(int fd, struct statx *status) {
  return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, status) < 0 ? errno : 0;
}

// describeFile(fd) → {type, id}: id is the same for descriptors of one file
static napi_value describe_file(napi_env env, napi_callback_info info) {
  static const struct {
    unsigned mode;
    const char *name;
  } types[] = {{S_IFREG, "file"},    {S_IFDIR, "directory"},        {S_IFSOCK, "socket"},
               {S_IFIFO, "fifo"},    {S_IFCHR, "character device"}, {S_IFBLK, "block device"},
               {0, "anonymous inode"}};
  napi_value argument, result;
  int fd;
  struct statx status;
  const char *type = "other";
  char id[64];
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "fd", &fd)) return NULL;
  int error = look_at(fd, &status);
  if (error) return throw_errno(env, error, "statx", NULL);
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if ((status.stx_mode & S_IFMT) == types[i].mode) type = types[i].name;
  snprintf(id, sizeof id, "%u:%u:%llu", status.stx_dev_major, status.stx_dev_minor, (unsigned long long)status.stx_ino);
  return napi_create_object(env, &result) == napi_ok && set_string(env, result, "type", type, NAPI_AUTO_LENGTH) &&
                 set_string(env, result, "id", id, NAPI_AUTO_LENGTH)
             ? result
             : NULL;
}

// close(2) waits: for a socket with SO_LINGER until its data is out, for a file of a network or a FUSE file system for
// as long as that likes. Asking the file system which kind it is (fstatfs) would wait as well.
static bool may_block(int fd) {
  struct statx status;
  struct linger linger = {0};
  socklen_t size = sizeof linger;
  if (look_at(fd, &status) || S_ISFIFO(status.stx_mode) || !(status.stx_mode & S_IFMT)) return false;
  if (S_ISSOCK(status.stx_mode)) return getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size) == 0 && linger.l_onoff;
  return true;
}

// Descriptors that a few threads close, in their order: what hangs keeps one of them, and a child that is executed
// meanwhile waits for what still stands here. They end when there is nothing to close.
static struct {
  pthread_mutex_t mutex;
  struct waiting {
    int fd;
    struct waiting *next;
  } *first, **last;
  int threads;
} aside = {.mutex = PTHREAD_MUTEX_INITIALIZER, .last = &aside.first};

static void *close_in_thread(void *nothing) {
  pthread_mutex_lock(&aside.mutex);
  for (struct waiting *next; (next = aside.first);) {
    aside.first = next->next;
    if (!aside.first) aside.last = &aside.first;
    pthread_mutex_unlock(&aside.mutex);
    close(next->fd);
    free(next);
    pthread_mutex_lock(&aside.mutex);
  }
  aside.threads--;
  pthread_mutex_unlock(&aside.mutex);
  return NULL;
}

// Returns an errno. Where no thread can be had, the descriptor waits for one that the next call starts.
static int start_closing(void) {
  pthread_t thread;
  pthread_attr_t detached;
  int error = pthread_attr_init(&detached);
  if (error) return error;
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&detached, THREAD_STACK_BYTES);
  // No signal is meant for this thread: Node's handlers belong to others.
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  error = pthread_create(&thread, &detached, close_in_thread, NULL);
  sigprocmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&detached);
  return error;
}

// closeAside(fd): closes a descriptor that somebody else opened, without ever waiting for it
static napi_value close_aside(napi_env env, napi_callback_info info) {
  napi_value argument;
  int fd;
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "fd", &fd)) return NULL;
  if (!may_block(fd)) return close(fd) < 0 ? throw_errno(env, errno, "close", NULL) : NULL;
  struct waiting *waiting = malloc(sizeof *waiting);
  if (!waiting) return throw_errno(env, ENOMEM, "malloc", NULL);
  *waiting = (struct waiting){.fd = fd};
  pthread_mutex_lock(&aside.mutex);
  *aside.last = waiting;
  aside.last = &waiting->next;
  if (aside.threads < MAX_THREADS && start_closing() == 0) aside.threads++;
  pthread_mutex_unlock(&aside.mutex);
  return NULL;
}

// isClosing() → whether threads are at it: a process whose thread hangs in close(2) can't be replaced
static napi_value is_closing(napi_env env, napi_callback_info info) {
  napi_value result;
  pthread_mutex_lock(&aside.mutex);
  bool closing = aside.threads > 0;
  pthread_mutex_unlock(&aside.mutex);
  return napi_get_boolean(env, closing, &result) == napi_ok ? result : NULL;
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
         export_function(env, exports, "describeFile", describe_file) &&
         export_function(env, exports, "closeAside", close_aside) &&
         export_function(env, exports, "isClosing", is_closing) && export_function(env, exports, "xattr", xattr);
}
