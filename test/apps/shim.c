// For LD_PRELOAD: faults of a whole machine, for one process and its children alone.
//
// $SHIM names a file of two 64-bit numbers, which may change at any time: seconds that the wall clock is off, and the errno
// that socket(2) fails with, 0 for none.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct faults {
  int64_t seconds;
  int64_t socket_errno;
};

static const volatile struct faults *faults(void) {
  static const struct faults none;
  static const volatile struct faults *mapped;
  if (mapped) return mapped;
  const char *path = getenv("SHIM");
  // The raw calls: this may run before anything else.
  int fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return &none;
  void *memory = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  return mapped = memory == MAP_FAILED ? &none : memory;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += faults()->seconds;
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  int result = syscall(SYS_gettimeofday, time, zone);
  if (result == 0) time->tv_sec += faults()->seconds;
  return result;
}

time_t time(time_t *seconds) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (seconds) *seconds = now.tv_sec;
  return now.tv_sec;
}

int socket(int domain, int type, int protocol) {
  if (!faults()->socket_errno) return syscall(SYS_socket, domain, type, protocol);
  errno = faults()->socket_errno;
  return -1;
}
