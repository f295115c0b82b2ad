// Replaces this process by another program that goes on where this one stops: descriptors and children stay, and signals that
// arrive meanwhile wait until the new program can take them.
#include "addon.h"
#include "close-range.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { FIRST_PASSED = 3, LAST_SIGNAL = 31 };

// ── The program that is replaced ────────────────────────────────────────────────────────────────────────────────────────

// Signals that this process handles. While they are held, every thread blocks them, so that they stay pending for the process,
// and that survives execve(2). A thread that took one may die in execve(2) before it has handled it.
static sigset_t holding;

enum { MARK = 64, PATIENCE_US = 1000000, LOOK_EVERY_US = 100 };

static volatile sig_atomic_t marked, is_to_block;

// Runs in a thread, once that has handled what it took: changes the mask that the thread goes on with.
static void mark(int number, siginfo_t *info, void *context) {
  sigset_t *mask = &((ucontext_t *)context)->uc_sigmask;
  for (int held = 1; held <= LAST_SIGNAL; held++) {
    if (sigismember(&holding, held) != 1) continue;
    if (is_to_block)
      sigaddset(mask, held);
    else
      sigdelset(mask, held);
  }
  marked = 1;
}

// Some threads of Node block all signals, and take none of ours either.
static bool blocks_all(pid_t thread) {
  char path[48], line[128];
  unsigned long long blocked = 0;
  snprintf(path, sizeof path, "/proc/self/task/%d/status", (int)thread);
  FILE *status = fopen(path, "re");
  while (status && fgets(line, sizeof line, status) && sscanf(line, "SigBlk: %llx", &blocked) != 1);
  if (status) fclose(status);
  return blocked >> (MARK - 1) & 1;
}

// One that doesn't answer hangs in the kernel, where it takes no signal.
static void mark_thread(pid_t thread) {
  marked = 0;
  if (blocks_all(thread)) return;
  if (syscall(SYS_tgkill, getpid(), thread, MARK) < 0) return;
  for (int waited = 0; !marked && waited < PATIENCE_US; waited += LOOK_EVERY_US) {
    usleep(LOOK_EVERY_US);
    if (syscall(SYS_tgkill, getpid(), thread, 0) < 0) return;
  }
}

static void mark_threads(bool block) {
  struct sigaction action = {.sa_sigaction = mark, .sa_flags = SA_SIGINFO | SA_RESTART}, before;
  pid_t self = syscall(SYS_gettid);
  is_to_block = block;
  sigprocmask(block ? SIG_BLOCK : SIG_UNBLOCK, &holding, NULL);
  sigfillset(&action.sa_mask);
  sigaction(MARK, &action, &before);
  DIR *threads = opendir("/proc/self/task");
  for (struct dirent *entry; threads && (entry = readdir(threads));) {
    pid_t thread = atoi(entry->d_name);
    if (thread > 0 && thread != self) mark_thread(thread);
  }
  if (threads) closedir(threads);
  sigaction(MARK, &before, NULL);
}

// Those that tell of a fault in the program never wait.
static bool is_ours(int number, const struct sigaction *action) {
  static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
    if (number == faults[i]) return false;
  return (action->sa_flags & SA_SIGINFO) || (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

// holdSignals()
static napi_value hold_signals(napi_env env, napi_callback_info info) {
  struct sigaction action;
  sigemptyset(&holding);
  for (int number = 1; number <= LAST_SIGNAL; number++)
    if (sigaction(number, NULL, &action) == 0 && is_ours(number, &action)) sigaddset(&holding, number);
  mark_threads(true);
  return NULL;
}

static void close_all_on_exec(void) { syscall(SYS_close_range, FIRST_PASSED, ~0U, CLOSE_RANGE_CLOEXEC); }

// closeOnExec(): whatever is open from 3 on closes at execve(2)
static napi_value close_on_exec(napi_env env, napi_callback_info info) {
  close_all_on_exec();
  return NULL;
}

// replace({paths, argv, environment, fds}): 0–2 and those descriptors stay open under their numbers, and no other. Returns by
// throwing, with all as it was.
static napi_value replace(napi_env env, napi_callback_info info) {
  napi_value options, array;
  char **paths, **argv = NULL, **environment = NULL;
  int *fds = NULL;
  uint32_t count, fd_count = 0;
  if (!get_arguments(env, info, 1, &options)) return NULL;
  if ((paths = get_strings(env, options, "paths", 0, &count)) && (argv = get_strings(env, options, "argv", 0, &count)) &&
      (environment = get_strings(env, options, "environment", 0, &count)) &&
      napi_get_named_property(env, options, "fds", &array) == napi_ok &&
      get_int_array(env, array, "fds", &fds, &fd_count)) {
    close_all_on_exec();
    const char *call = "execve", *path = paths[0] ? paths[0] : "";
    int error = 0;
    for (int fd = 0; fd < FIRST_PASSED; fd++) fcntl(fd, F_SETFD, 0);
    for (uint32_t i = 0; i < fd_count && !error; i++)
      if (fcntl(fds[i], F_SETFD, 0) < 0) error = errno, call = "fcntl";
    if (!error) execve(path, argv, environment), error = errno;
    close_all_on_exec();
    for (uint32_t i = 0; i < fd_count; i++) fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    throw_errno(env, error, call, path);
  }
  free_strings(paths);
  free_strings(argv);
  free_strings(environment);
  free(fds);
  return NULL;
}

// ── The program that replaces it ────────────────────────────────────────────────────────────────────────────────────────

// Signals that were blocked when this program began. Node unblocks all of them as it starts, before anything can handle them,
// and a signal's default is to end the process. So where this library is in LD_PRELOAD, the function with which Node does
// that is the one below, which keeps them blocked.
static sigset_t kept;

__attribute__((constructor)) static void note_kept(void) { sigprocmask(SIG_BLOCK, NULL, &kept); }

__attribute__((visibility("default"))) int pthread_sigmask(int how, const sigset_t *set, sigset_t *before) {
  sigset_t wanted;
  if (set) {
    wanted = *set;
    for (int number = 1; number <= LAST_SIGNAL; number++) {
      if (!sigismember(&kept, number)) continue;
      if (how == SIG_UNBLOCK) sigdelset(&wanted, number);
      if (how == SIG_SETMASK) sigaddset(&wanted, number);
    }
  }
  return sigprocmask(how, set ? &wanted : NULL, before) < 0 ? errno : 0;
}

// Of the library that was preloaded, if one was, whichever calls it.
__attribute__((visibility("default"))) void zerodown_release_kept(void) {
  sigset_t released = kept;
  sigemptyset(&kept);
  sigprocmask(SIG_UNBLOCK, &released, NULL);
}

// releaseSignals()
static napi_value release_signals(napi_env env, napi_callback_info info) {
  if (!sigisemptyset(&holding)) mark_threads(false);
  sigemptyset(&holding);
  zerodown_release_kept();
  return NULL;
}

bool replace_init(napi_env env, napi_value exports) {
  return export_function(env, exports, "replace", replace) &&
         export_function(env, exports, "holdSignals", hold_signals) &&
         export_function(env, exports, "releaseSignals", release_signals) &&
         export_function(env, exports, "closeOnExec", close_on_exec);
}
