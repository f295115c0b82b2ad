// `zerodown reload` as the ExecReload= of a unit: asks the supervisor, and ends as its answer says. Only that, because Node's
// own start would take most of the time; whatever else there is to do, and to explain, src/cli/reload.ts does. It says the same
// and has the same exit statuses (docs/decisions/reload-client.md).
#include "json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { UNAVAILABLE = 69, PROTOCOL = 76, FAILED = 1 };
// The launcher starts Node for this: nothing was asked, and nothing was said.
enum { LEFT_TO_NODE = 127 };

// As in src/control/varlink.ts.
enum { REPLY_BYTES = 4 * 1024 * 1024 };
#define INTERFACE "tech.fornaxian.zerodown."

static _Noreturn void leave_to_node(void) {
  exit(LEFT_TO_NODE);
}

// systemd ends its own reload with SIGTERM when the unit is to stop, which is no failure of the service.
static void stopped(int number) {
  _exit(0);
}

// ── What goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────────────────

// To a terminal an error's name, or a path, must be no command: control characters become spaces, those of 8 bits too.
static void make_printable(char *text) {
  unsigned char *to = (unsigned char *)text;
  for (const unsigned char *from = to; *from; from++) {
    bool is_long = from[0] == 0xc2 && from[1] >= 0x80 && from[1] <= 0x9f;
    *to++ = is_long || *from < ' ' || *from == 0x7f ? ' ' : *from;
    if (is_long) from++;
  }
  *to = 0;
}

// Where nobody reads stderr, the reload must not hang in saying why it failed. Only an open file of our own is made non-blocking:
// the app has the same stderr.
static int open_stderr(mode_t kind) {
  if (!S_ISFIFO(kind) && !S_ISCHR(kind)) return STDERR_FILENO;
  int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  // It is another user's. Somebody else may fill it right after this look, which is rare.
  struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
  return fd < 0 && poll(&room, 1, 0) > 0 ? STDERR_FILENO : fd;
}

static void complain(const char *text, size_t length) {
  struct statx kind = {0};
  statx(STDERR_FILENO, "", AT_EMPTY_PATH, STATX_TYPE, &kind);
  ssize_t said = S_ISSOCK(kind.stx_mode) ? send(STDERR_FILENO, text, length, MSG_DONTWAIT | MSG_NOSIGNAL)
                                         : write(open_stderr(kind.stx_mode), text, length);
  (void)said;  // the exit status says it as well
}

__attribute__((format(printf, 2, 3))) static _Noreturn void fail(int status, const char *format, ...) {
  static char text[PATH_MAX + 1024] = "zerodown: ";
  size_t length = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + length, sizeof text - length - 1, format, arguments);
  va_end(arguments);
  make_printable(text);
  length = strlen(text);
  text[length++] = '\n';
  complain(text, length);
  exit(status);
}

// ── The supervisor ───────────────────────────────────────────────────────────────────────────────────────────────────────────

static bool is_pid(const char *text) {
  return *text >= '1' && *text <= '9' && strlen(text) < 10 && strspn(text, "0123456789") == strlen(text);
}

// Whether it is named as the runtime directory of that supervisor: zerodown-PID, or zerodown-PID.SUFFIX.
static bool is_runtime_directory(const char *path, const char *pid) {
  static const char prefix[] = "/zerodown-";
  const char *name = strrchr(path, '/');
  if (!name || strncmp(name, prefix, strlen(prefix)) != 0) return false;
  name += strlen(prefix);
  size_t length = strlen(pid);
  return strncmp(name, pid, length) == 0 && (!name[length] || name[length] == '.');
}

// The supervisor holds its runtime directory open, and the socket is in it. A link is there where --control puts the socket
// elsewhere.
static struct sockaddr_un locate_control(const char *pid) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char path[PATH_MAX];
  struct statx held, there;
  snprintf(path, sizeof path, "/proc/%s/fd", pid);
  DIR *files = opendir(path);
  if (!files) leave_to_node();
  for (struct dirent *file; (file = readdir(files));) {
    ssize_t length = readlinkat(dirfd(files), file->d_name, path, sizeof path - 1);
    if (length < 0) continue;
    path[length] = 0;
    if (!is_runtime_directory(path, pid)) continue;
    // It must be that directory here, too: the supervisor may have other mounts than we.
    if (statx(dirfd(files), file->d_name, 0, STATX_INO, &held) < 0 || statx(AT_FDCWD, path, 0, STATX_INO, &there) < 0) continue;
    if (held.stx_ino != there.stx_ino || held.stx_dev_major != there.stx_dev_major || held.stx_dev_minor != there.stx_dev_minor)
      continue;
    int size = snprintf(address.sun_path, sizeof address.sun_path, "%s/control", path);
    if (size >= (int)sizeof address.sun_path) continue;
    if (statx(AT_FDCWD, address.sun_path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &there) < 0 || !S_ISSOCK(there.stx_mode)) continue;
    closedir(files);
    return address;
  }
  leave_to_node();
}

static int64_t microseconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * INT64_C(1000000) + time.tv_nsec / 1000;
}

// When this process was forked, which is when the reload was wanted: µs of CLOCK_MONOTONIC, to 10 ms (proc_pid_stat(5)).
static int64_t process_start(void) {
  char text[4096];
  int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (length <= 0) leave_to_node();
  close(fd);
  text[length] = 0;
  // The command's name, in parentheses, may hold blanks. Field 22 is the 20th after it.
  const char *field = strrchr(text, ')');
  for (int number = 2; field && number < 22; number++) field = strchr(field + 1, ' ');
  if (!field) leave_to_node();
  int64_t ticks = 0;
  for (field++; *field >= '0' && *field <= '9'; field++) ticks = ticks * 10 + (*field - '0');
  return microseconds(CLOCK_MONOTONIC) - (microseconds(CLOCK_BOOTTIME) - ticks * 10000);
}

static int connect_to(const struct sockaddr_un *address) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) < 0) leave_to_node();
  fcntl(fd, F_SETFL, 0);
  return fd;
}

// ── The call ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

static _Noreturn void fail_lost(const char *path) {
  if (errno != EPIPE && errno != ECONNRESET) fail(UNAVAILABLE, "no supervisor behind %s: %s", path, strerror(errno));
  fail(UNAVAILABLE, "%s: the supervisor hung up: it has too many clients (then its log says so), or is ending", path);
}

static void ask(int fd, const char *path, int64_t since) {
  char call[256];
  int length = snprintf(call, sizeof call,
    "{\"method\":\"" INTERFACE "Reload\",\"parameters\":{\"since\":%lld,\"replace\":false,\"same\":false}}", (long long)since);
  // The NUL at its end ends the message, too.
  if (send(fd, call, length + 1, MSG_NOSIGNAL) < 0) fail_lost(path);
}

// The next message, without the NUL at its end. What comes after it is dropped: there is one reply to one call.
static struct json receive_reply(int fd, const char *path) {
  size_t size = 16 * 1024, used = 0;
  char *buffer = malloc(size);
  for (;;) {
    if (!buffer) fail(UNAVAILABLE, "no supervisor behind %s: %s", path, strerror(ENOMEM));
    ssize_t count = recv(fd, buffer + used, size - used, 0);
    if (count < 0) fail_lost(path);
    if (count == 0) fail(UNAVAILABLE, "%s: the supervisor went away before it replied", path);
    char *end = memchr(buffer + used, 0, count);
    if (end) return (struct json){buffer, end};
    used += count;
    if (used > REPLY_BYTES)
      fail(UNAVAILABLE, "%s: the supervisor's reply broke off: a message is longer than %d bytes", path, REPLY_BYTES);
    if (used == size) buffer = realloc(buffer, size *= 2);
  }
}

static bool is_object(struct json value) {
  return value.start && *value.start == '{';
}

static bool is_string(struct json value, const char *text) {
  size_t length = strlen(text);
  return value.end - value.start == (ptrdiff_t)length + 2 && memcmp(value.start + 1, text, length) == 0;
}

static int exit_status(struct json reply, const char *path) {
  struct json_member of_reply[] = {{.name = "error"}, {.name = "parameters"}};
  struct json_member of_parameters[] = {{.name = "generation"}, {.name = "generations"}};
  if (!json_read(&reply)) fail(UNAVAILABLE, "%s: the supervisor's reply broke off: it isn't JSON", path);
  if (!is_object(reply)) fail(UNAVAILABLE, "%s: the supervisor's reply broke off: not a JSON object", path);
  json_find(reply, of_reply, 2);
  struct json error = of_reply[0].value, parameters = of_reply[1].value;
  if (is_object(parameters)) json_find(parameters, of_parameters, 2);
  struct json generation = of_parameters[0].value, generations = of_parameters[1].value;
  if (!error.start) {
    // In the unit itself the supervisor's own log says it all: what came of it, and why.
    if (generations.start && *generations.start == '[') return 0;
    fail(PROTOCOL, "%s: what answered isn't a supervisor", path);
  }
  // Without a candidate the supervisor itself ends. Its own exit status is the unit's result then.
  if (is_string(error, INTERFACE "ReloadFailed")) return generation.start ? FAILED : 0;
  if (is_string(error, INTERFACE "TooManyWatchers")) fail(UNAVAILABLE, "%s: it has as many watchers as it takes", path);
  if (*error.start != '"') fail(PROTOCOL, "%s: what answered isn't a supervisor", path);
  int length = error.end - error.start - 2;
  fail(PROTOCOL, "%s: Reload was refused: %.*s", path, length > 512 ? 512 : length, error.start + 1);
}

int main(void) {
  // The very first thing: until then SIGTERM is deadly, and the launcher's shell stands in front.
  signal(SIGTERM, stopped);
  // A message on a pipe that nobody reads any more.
  signal(SIGPIPE, SIG_IGN);
  // Where one of these is closed, what is opened next would be taken for stderr.
  for (int fd = 0; fd <= STDERR_FILENO; fd++) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) leave_to_node();
  }
  const char *pid = getenv("MAINPID");
  if (!pid || !is_pid(pid)) leave_to_node();
  int64_t since = process_start();
  struct sockaddr_un control = locate_control(pid);
  int fd = connect_to(&control);
  ask(fd, control.sun_path, since);
  return exit_status(receive_reply(fd, control.sun_path), control.sun_path);
}
