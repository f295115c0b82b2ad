// Starts a child, and learns how it ended.
//
// The child is made by clone(CLONE_VM | CLONE_VFORK): no page tables are copied, the parent waits until the child has
// called execve or failed, and a failure is simply left in memory that both share. child.c is the child's side.
#include "addon.h"
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

enum { STACK_BYTES = 64 * 1024, DISCARD_PATIENCE_MS = 1000 };

void free_strings(char **strings) {
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
  free(plan->copies);
  free(plan->cgroup);
  if (plan->cgroup_fd >= 0) close(plan->cgroup_fd);
}

char **get_strings(napi_env env, napi_value object, const char *name, uint32_t spare, uint32_t *count) {
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

// The child must find at each index what is meant.
static bool are_copies(napi_env env, const struct plan *plan) {
  for (uint32_t i = 0; i < plan->copy_count; i += 2) {
    bool is_there = i + 1 < plan->copy_count && plan->copies[i] >= 0 && (uint32_t)plan->copies[i] < plan->fd_count;
    if (!is_there) return throw_type(env, "copies must be pairs: the index of one of fds, and a number") != NULL;
  }
  return true;
}

static bool get_plan(napi_env env, napi_value object, struct plan *plan) {
  uint32_t count;
  napi_value fds, copies, directory;
  return (plan->paths = get_strings(env, object, "paths", 0, &count)) &&
         (plan->argv = get_strings(env, object, "argv", 0, &count)) && get_environment(env, object, plan) &&
         napi_get_named_property(env, object, "directory", &directory) == napi_ok &&
         (plan->directory = get_bytes(env, directory, "directory")) &&
         napi_get_named_property(env, object, "fds", &fds) == napi_ok &&
         get_int_array(env, fds, "fds", &plan->fds, &plan->fd_count) &&
         napi_get_named_property(env, object, "copies", &copies) == napi_ok &&
         get_int_array(env, copies, "copies", &plan->copies, &plan->copy_count) && are_copies(env, plan) &&
         get_int_field(env, object, "deathSignal", &plan->death_signal) &&
         get_int_field(env, object, "ignoredSignal", &plan->ignored_signal) &&
         get_int_field(env, object, "fileLimit", &plan->file_limit) &&
         (plan->cgroup = get_string_field(env, object, "cgroup"));
}

// Names the file or program that a failed step was about, for the error.
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
  pid_t pid = clone(run_child, stack + page + STACK_BYTES, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, plan, pidfd);
  int error = errno;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
  munmap(stack, STACK_BYTES + page);
  errno = error;
  return pid;
}

// Ends and collects a child that nobody will know of. A failed child ends by itself; it can't while it has a file of a
// file system that hangs. Then it stays behind as a zombie, because the supervisor can't wait for it.
static void discard(pid_t pid, int pidfd) {
  struct pollfd end = {.fd = pidfd, .events = POLLIN};
  kill(pid, SIGKILL);
  while (poll(&end, 1, DISCARD_PATIENCE_MS) < 0 && errno == EINTR);
  while (waitpid(pid, NULL, WNOHANG) < 0 && errno == EINTR);
  close(pidfd);
}

// spawn({paths, argv, environment, pidVariables, directory, fds, copies, deathSignal, ignoredSignal, fileLimit, cgroup}) →
// {pid, pidfd}
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
// `paths`; it has 0–2 as they are, `fds` from 3 on, and no other. Returns only where nothing has been changed yet: by
// throwing.
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
  // Node's own descriptors may be gone from here on, so this function can't return any more.
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
