// spawn.c (the parent) and child.c share this. Between clone(2) and execve(2) a child makes itself ready for its
// program.
#pragma once

#include <stdint.h>
#include <sys/types.h>

enum { FIRST_FD = 3, PID_DIGITS = 10 };

struct plan {
  char **paths;        // what to try, in order (one for each directory of PATH)
  char **argv;
  char **environment;  // the pid variables stand at its end
  uint32_t pid_variables;
  char **pid_digits;   // where in each of those the digits go
  char *directory;
  int *fds;
  uint32_t fd_count;
  int *copies;         // pairs: the index of one of fds, and a number at which it stands as well
  uint32_t copy_count; // how many ints these are
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

// Notes in the plan which system call failed and with which errno; returns -1.
int fail(struct plan *plan, const char *syscall);

// Puts fds[i] at descriptor 3 + i, closes all above, and makes the copies. Returns 0, or what fail() returns.
int place_fds(struct plan *plan);

// The function that clone(2) calls in the child, with the plan. It returns only when a step has failed.
int run_child(void *plan);
