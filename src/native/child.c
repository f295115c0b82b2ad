// The child's side of a start. The child sets its signals, cgroup, directory, descriptors and limit as the plan says,
// and executes the program. It shares its parent's memory until then, so only async-signal-safe calls are made here.
#include "child.h"
#include "close-range.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KERNEL_SIGNALS = 64 };

int fail(struct plan *plan, const char *syscall) {
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

// Each is dup2(2)'s, which keeps it open at execve(2).
static int copy_fds(struct plan *plan) {
  for (uint32_t i = 0; i + 1 < plan->copy_count; i += 2) {
    if (dup2(FIRST_FD + plan->copies[i], plan->copies[i + 1]) < 0) return fail(plan, "dup2");
  }
  return 0;
}

// A descriptor that stands where another one belongs moves out of the way first. A supervisor under systemd finds each
// at its place already and needs no spare descriptor.
int place_fds(struct plan *plan) {
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
  // execve(2) closes them, when our parent no longer waits for us: a file of a file system that hangs may take for
  // ever.
  if (syscall(SYS_close_range, end, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return copy_fds(plan);
  // Linux before 5.11 doesn't know that.
  return syscall(SYS_close_range, end, ~0U, 0) < 0 ? fail(plan, "close_range") : copy_fds(plan);
}

// The child enters before the program runs, so that everything that the program starts is in the cgroup, too.
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

// Does what execvp(3) does, but doesn't try /bin/sh on ENOEXEC: systemd doesn't either.
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

__attribute__((no_sanitize("address"))) int run_child(void *argument) {
  struct plan *plan = argument;
  // Every signal is blocked here. Node ignores SIGPIPE and handles others; the program must find all at their default.
  // This is the raw call, because glibc's leaves out two signals of its own, which posix_spawn(3) had our own parent
  // ignore. The kernel's struct begins with the handler; the rest is zero, which means no flags.
  const sig_action defaults = {SIG_DFL}, ignored = {SIG_IGN};
  for (int number = 1; number <= KERNEL_SIGNALS; number++)  // fails for SIGKILL and SIGSTOP, which always have it
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
