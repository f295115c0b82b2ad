// Starting a child, and learning how it ended.
//
// The child is made by clone(CLONE_VM | CLONE_VFORK): no page tables are copied, the parent waits until the child has
// called execve or failed, and a failure is simply left in memory that both share. Between clone and execve only
// async-signal-safe calls are made.
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

enum { FIRST_FD = 3, STACK_BYTES = 64 * 1024, PID_DIGITS = 10, KERNEL_SIGNALS = 64, DISCARD_PATIENCE_MS = 1000 };

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif

struct plan {
  char **paths;        // what to try, in order (one for each directory of PATH)
  char **argv;
  char **environment;  // the pid variables stand at its end
  uint32_t pid_variables;
  char **pid_digits;   // where in each of those the digits go
  char *directory;
  int *fds;
  uint32_t fd_count;
  int death_signal;
  int ignored_signal;  // by the child; 0: none
  int file_limit;      // soft RLIMIT_NOFILE; < 0: leave it
  char *cgroup;        // the cgroup.procs of the one to enter; "": stay
  int cgroup_fd;       // that file, opened; < 0: stay
  pid_t parent;

  // Written by the child when it fails.
  int error;
  const char *syscall;
};

static int fail(struct plan *plan, const char *syscall) {
  plan->error = errno;
  plan->syscall = syscall;
  return -1;
}

static void write_pid(struct plan *plan) {
  char digits[PID_DIGITS + 1];
  int length = 0;
  for (pid_t rest = getpid(); rest > 0 && length < PID_DIGITS; rest /= 10) digits[length++] = '0' + rest % 10;
  for (uint32_t i = 0; i < plan->pid_variables; i++) {
    for (int d = 0; d < length; d++) plan->pid_digits[i][d] = digits[length - 1 - d];
    plan->pid_digits[i][length] = 0;
  }
}

// Puts fds[i] at descriptor 3 + i and closes all above. Those that stand where another one goes move out of the way
// first; a supervisor under systemd finds each at its place already and needs no spare descriptor.
static int place_fds(struct plan *plan) {
  // Node marks whatever it inherits close-on-exec, these too.
  for (int fd = 0; fd < FIRST_FD; fd++) fcntl(fd, F_SETFD, 0);
  int end = FIRST_FD + plan->fd_count;
  for (uint32_t i = 0; i < plan->fd_count; i++) {
    if (plan->fds[i] == FIRST_FD + (int)i || plan->fds[i] >= end) continue;
    int moved = fcntl(plan->fds[i], F_DUPFD_CLOEXEC, end);
    if (moved < 0) return fail(plan, "fcntl");
    plan->fds[i] = moved;
  }
  for (uint32_t i = 0; i < plan->fd_count; i++) {
    int target = FIRST_FD + i;
    if (plan->fds[i] == target ? fcntl(target, F_SETFD, 0) < 0 : dup2(plan->fds[i], target) < 0)
      return fail(plan, plan->fds[i] == target ? "fcntl" : "dup2");
  }
  // By execve(2), when our parent no longer waits for us: closing a file of a file system that hangs may take for ever.
  if (syscall(SYS_close_range, end, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return 0;
  // Linux before 5.11 doesn't know that.
  return syscall(SYS_close_range, end, ~0U, 0) < 0 ? fail(plan, "close_range") : 0;
}

// Before the program runs: it, and whatever it starts, is in that cgroup from its first instruction on.
static int enter_cgroup(struct plan *plan) {
  return plan->cgroup_fd >= 0 && write(plan->cgroup_fd, "0", 1) < 0 ? fail(plan, "write") : 0;
}

static int restore_file_limit(struct plan *plan) {
  struct rlimit limit;
  if (plan->file_limit < 0) return 0;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return fail(plan, "getrlimit");
  if ((rlim_t)plan->file_limit < limit.rlim_cur) limit.rlim_cur = plan->file_limit;
  return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? fail(plan, "setrlimit") : 0;
}

// As execvp(3), without its detour through /bin/sh on ENOEXEC: systemd takes none either.
static int execute(struct plan *plan) {
  int error = ENOENT;
  for (char **path = plan->paths; *path; path++) {
    execve(*path, plan->argv, plan->environment);
    bool is_elsewhere = errno == ENOENT || errno == ENOTDIR || errno == EACCES;
    bool is_only = path == plan->paths && !path[1];
    if (!is_elsewhere || is_only) return fail(plan, "execve");
    if (errno == EACCES) error = EACCES;
  }
  errno = error;
  return fail(plan, "execve");
}

typedef void (*sig_action[8])(int);

__attribute__((no_sanitize("address"))) static int child(void *argument) {
  struct plan *plan = argument;
  // Every signal is blocked here. Node ignores SIGPIPE and handles others: the program finds none of that. The raw
  // call, because glibc's leaves out two signals of its own, which posix_spawn(3) had our own parent ignore. The kernel's
  // struct begins with the handler; zero in the rest is no flags.
  const sig_action defaults = {SIG_DFL}, ignored = {SIG_IGN};
  for (int number = 1; number <= KERNEL_SIGNALS; number++)  // SIGKILL and SIGSTOP have no other
    syscall(SYS_rt_sigaction, number, number == plan->ignored_signal ? ignored : defaults, NULL, KERNEL_SIGNALS / 8);
  if (setpgid(0, 0) < 0) return fail(plan, "setpgid");
  if (prctl(PR_SET_PDEATHSIG, plan->death_signal) < 0) return fail(plan, "prctl");
  if (getppid() != plan->parent) return -1;  // it died before the line above
  if (enter_cgroup(plan) < 0) return -1;
  if (chdir(plan->directory) < 0) return fail(plan, "chdir");
  if (place_fds(plan) < 0 || restore_file_limit(plan) < 0) return -1;
  write_pid(plan);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  return execute(plan);
}

static void free_strings(char **strings) {
  for (char **string = strings; string && *string; string++) free(*string);
  free(strings);
}

static void free_plan(struct plan *plan) {
  free_strings(plan->paths);
  free_strings(plan->argv);
  free_strings(plan->environment);
  free(plan->pid_digits);
  free(plan->directory);
  free(plan->fds);
  free(plan->cgroup);
  if (plan->cgroup_fd >= 0) close(plan->cgroup_fd);
}

// The strings of an array, ended by NULL, with room for `spare` more before that.
static char **get_strings(napi_env env, napi_value object, const char *name, uint32_t spare, uint32_t *count) {
  napi_value array;
  if (napi_get_named_property(env, object, name, &array) != napi_ok ||
      napi_get_array_length(env, array, count) != napi_ok) {
    throw_type(env, "paths, argv, environment and pidVariables must be arrays");
    return NULL;
  }
  char **strings = calloc((size_t)*count + spare + 1, sizeof *strings);
  if (!strings) {
    throw_errno(env, ENOMEM, "malloc", NULL);
    return NULL;
  }
  for (uint32_t i = 0; i < *count; i++) {
    napi_value element;
    if (napi_get_element(env, array, i, &element) != napi_ok || !(strings[i] = get_bytes(env, element, name))) {
      free_strings(strings);
      return NULL;
    }
  }
  return strings;
}

static bool get_environment(napi_env env, napi_value object, struct plan *plan) {
  uint32_t count;
  char **names = get_strings(env, object, "pidVariables", 0, &plan->pid_variables);
  if (!names) return false;
  plan->environment = get_strings(env, object, "environment", plan->pid_variables, &count);
  plan->pid_digits = calloc(plan->pid_variables + 1, sizeof *plan->pid_digits);
  bool ok = plan->environment && plan->pid_digits;
  for (uint32_t i = 0; ok && i < plan->pid_variables; i++) {
    size_t length = strlen(names[i]);
    char *variable = malloc(length + 1 + PID_DIGITS + 1);
    if (!(ok = variable != NULL)) break;
    memcpy(variable, names[i], length);
    variable[length] = '=';
    plan->environment[count + i] = variable;
    plan->pid_digits[i] = variable + length + 1;
  }
  free_strings(names);
  bool pending = false;
  if (!ok && (napi_is_exception_pending(env, &pending), !pending)) throw_errno(env, ENOMEM, "malloc", NULL);
  return ok;
}

static bool get_plan(napi_env env, napi_value object, struct plan *plan) {
  uint32_t count;
  napi_value fds, directory;
  return (plan->paths = get_strings(env, object, "paths", 0, &count)) &&
         (plan->argv = get_strings(env, object, "argv", 0, &count)) && get_environment(env, object, plan) &&
         napi_get_named_property(env, object, "directory", &directory) == napi_ok &&
         (plan->directory = get_bytes(env, directory, "directory")) &&
         napi_get_named_property(env, object, "fds", &fds) == napi_ok &&
         get_int_array(env, fds, "fds", &plan->fds, &plan->fd_count) &&
         get_int_field(env, object, "deathSignal", &plan->death_signal) &&
         get_int_field(env, object, "ignoredSignal", &plan->ignored_signal) &&
         get_int_field(env, object, "fileLimit", &plan->file_limit) &&
         (plan->cgroup = get_string_field(env, object, "cgroup"));
}

// What a failed step was about.
static const char *subject_of(const struct plan *plan, const char *syscall) {
  return !strcmp(syscall, "chdir") ? plan->directory : !strcmp(syscall, "write") ? plan->cgroup : plan->argv[0];
}

// Returns the pid, or -1 with errno when there is no child at all.
static pid_t start(struct plan *plan, int *pidfd) {
  size_t page = sysconf(_SC_PAGESIZE);
  char *stack = mmap(NULL, STACK_BYTES + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return -1;
  mprotect(stack, page, PROT_NONE);
  // The raw call, because glibc's keeps two signals of its own out of the set.
  uint64_t all = ~(uint64_t)0, before;
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, sizeof all);
  pid_t pid = clone(child, stack + page + STACK_BYTES, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, plan, pidfd);
  int error = errno;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
  munmap(stack, STACK_BYTES + page);
  errno = error;
  return pid;
}

// Ends and collects a child that nobody will know of. A failed child ends by itself; it can't while it has a file of a file
// system that hangs. Then it stays behind as a zombie, because the supervisor can't wait for it.
static void discard(pid_t pid, int pidfd) {
  struct pollfd end = {.fd = pidfd, .events = POLLIN};
  kill(pid, SIGKILL);
  while (poll(&end, 1, DISCARD_PATIENCE_MS) < 0 && errno == EINTR);
  while (waitpid(pid, NULL, WNOHANG) < 0 && errno == EINTR);
  close(pidfd);
}

// spawn({paths, argv, environment, pidVariables, directory, fds, deathSignal, ignoredSignal, fileLimit, cgroup}) → {pid, pidfd}
static napi_value spawn(napi_env env, napi_callback_info info) {
  struct plan plan = {.parent = getpid(), .cgroup_fd = -1};
  napi_value object, result = NULL;
  int pidfd = -1;
  if (!get_arguments(env, info, 1, &object) || !get_plan(env, object, &plan)) goto out;
  if (plan.cgroup[0] && (plan.cgroup_fd = open(plan.cgroup, O_WRONLY | O_CLOEXEC)) < 0) {
    throw_errno(env, errno, "open", plan.cgroup);
    goto out;
  }

  pid_t pid = start(&plan, &pidfd);
  if (pid < 0) {
    throw_errno(env, errno, "clone", plan.argv[0]);
  } else if (plan.error) {
    discard(pid, pidfd);
    throw_errno(env, plan.error, plan.syscall, subject_of(&plan, plan.syscall));
  } else if (napi_create_object(env, &result) != napi_ok || !set_int(env, result, "pid", pid) ||
             !set_int(env, result, "pidfd", pidfd)) {
    discard(pid, pidfd);
    result = NULL;
  }
out:
  free_plan(&plan);
  return result;
}

// become({paths, argv, environment, fds}): this process becomes another program, under the same pid; the first of
// `paths`; it has 0–2 as they are, `fds` from 3 on, and no other. Returns only where nothing has been changed yet: by throwing.
static napi_value become(napi_env env, napi_callback_info info) {
  napi_value options;
  uint32_t count;
  struct plan plan = {.cgroup_fd = -1};
  if (!get_arguments(env, info, 1, &options)) return NULL;
  napi_value fds;
  if (!(plan.paths = get_strings(env, options, "paths", 0, &count)) ||
      !(plan.argv = get_strings(env, options, "argv", 0, &count)) ||
      !(plan.environment = get_strings(env, options, "environment", 0, &count)) ||
      napi_get_named_property(env, options, "fds", &fds) != napi_ok ||
      !get_int_array(env, fds, "fds", &plan.fds, &plan.fd_count))
    goto out;
  const char *path = plan.paths[0] ? plan.paths[0] : "";
  if (access(path, X_OK) < 0) {
    throw_errno(env, errno, "access", path);
    goto out;
  }
  for (uint32_t i = 0; i < plan.fd_count; i++) {
    if (fcntl(plan.fds[i], F_GETFD) >= 0) continue;
    throw_errno(env, errno, "fcntl", NULL);
    goto out;
  }
  // Node makes its standard streams non-blocking when it uses them, for all who share them.
  for (int fd = 0; fd < FIRST_FD; fd++) {
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  }
  // From here on Node's own descriptors may be gone: there is no way back.
  if (place_fds(&plan) == 0) {
    execve(path, plan.argv, plan.environment);
    fail(&plan, "execve");
  }
  dprintf(STDERR_FILENO, "zerodown: %s: %s, %s\n", path, plan.syscall, strerror(plan.error));
  _exit(EX_OSERR);
out:
  free_plan(&plan);
  return NULL;
}

// reap(pidfd) → {status, signal} of a child that ended, or null: it runs
static napi_value reap(napi_env env, napi_callback_info info) {
  napi_value argument, result;
  int pidfd;
  siginfo_t end = {0};
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "pidfd", &pidfd)) return NULL;
  if (waitid(P_PIDFD, pidfd, &end, WEXITED | WNOHANG) < 0) return throw_errno(env, errno, "waitid", NULL);
  if (end.si_pid == 0) return napi_get_null(env, &result) == napi_ok ? result : NULL;
  bool exited = end.si_code == CLD_EXITED;
  if (napi_create_object(env, &result) != napi_ok || !set_int(env, result, "status", exited ? end.si_status : 0) ||
      !set_int(env, result, "signal", exited ? 0 : end.si_status))
    return NULL;
  return result;
}

// reapOrphans(own): collects children that ended and aren't among those pids; stops at one of these
static napi_value reap_orphans(napi_env env, napi_callback_info info) {
  napi_value argument;
  int *own;
  uint32_t count;
  if (!get_arguments(env, info, 1, &argument) || !get_int_array(env, argument, "own", &own, &count)) return NULL;
  for (bool is_own = false; !is_own;) {
    siginfo_t end = {0};
    // Looks first: one of our own must stay, or nobody would learn how it ended.
    if (waitid(P_ALL, 0, &end, WEXITED | WNOHANG | WNOWAIT) < 0 || end.si_pid == 0) break;
    for (uint32_t i = 0; i < count; i++) is_own |= own[i] == end.si_pid;
    if (!is_own) waitid(P_PID, end.si_pid, &end, WEXITED | WNOHANG);
  }
  free(own);
  return NULL;
}

// pidfdId(pid) → the inode number that identifies the process for as long as the system runs (what LISTEN_PIDFDID
// holds), as a decimal string; "" on a kernel older than 6.9, where every pidfd has the same.
static napi_value pidfd_id(napi_env env, napi_callback_info info) {
  enum { PIDFS_MAGIC = 0x50494446 };
  napi_value argument, result;
  int pid;
  if (!get_arguments(env, info, 1, &argument) || !get_int(env, argument, "pid", &pid)) return NULL;
  int fd = syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) return throw_errno(env, errno, "pidfd_open", NULL);
  struct statx status;
  struct statfs filesystem;
  char text[24] = "";
  if (fstatfs(fd, &filesystem) == 0 && filesystem.f_type == PIDFS_MAGIC &&
      statx(fd, "", AT_EMPTY_PATH, STATX_INO, &status) == 0)
    snprintf(text, sizeof text, "%llu", (unsigned long long)status.stx_ino);
  close(fd);
  return napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result) == napi_ok ? result : NULL;
}

bool spawn_init(napi_env env, napi_value exports) {
  return export_function(env, exports, "spawn", spawn) && export_function(env, exports, "become", become) &&
         export_function(env, exports, "reap", reap) &&
         export_function(env, exports, "reapOrphans", reap_orphans) && export_function(env, exports, "pidfdId", pidfd_id);
}
