// Giving back memory that the wait for the next event doesn't need.
#include "addon.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

// A mapping of a file that can't be written comes back from the page cache when it is touched, but only as it stands in
// the file: what a debugger, an agent, Node's own --use-largepages or the dynamic linker put in its place would be
// lost. Such pages are anonymous. proc_pid_smaps(5) counts those in memory as Anonymous, and those that were swapped
// out only as Swap, which comes later.
static void drop_text(FILE *smaps) {
  char *line = NULL, permissions[5];
  size_t size = 0;
  unsigned long start = 0, end = 0, next_start, next_end, inode, anonymous = 0, swapped;
  bool is_text = false;
  while (getline(&line, &size, smaps) > 0) {
    if (sscanf(line, "%lx-%lx %4s %*s %*s %lu", &next_start, &next_end, permissions, &inode) == 4) {
      start = next_start;
      end = next_end;
      is_text = inode && permissions[0] == 'r' && permissions[1] == '-' && permissions[3] == 'p';
    } else if (is_text && sscanf(line, "Swap: %lu kB", &swapped) == 1 && !anonymous && !swapped) {
      madvise((void *)start, end - start, MADV_DONTNEED);
    } else {
      sscanf(line, "Anonymous: %lu kB", &anonymous);
    }
  }
  free(line);
}

// trim(): returns free heap to the system, and lets go of program text
static napi_value trim(napi_env env, napi_callback_info info) {
  FILE *smaps = fopen("/proc/self/smaps", "re");
  if (smaps) {
    drop_text(smaps);
    fclose(smaps);
  }
  malloc_trim(0);
  return NULL;
}

// bootTime() → µs of CLOCK_BOOTTIME, in which the kernel notes when a process was started
static napi_value boot_time(napi_env env, napi_callback_info info) {
  struct timespec now;
  if (clock_gettime(CLOCK_BOOTTIME, &now)) return throw_errno(env, errno, "clock_gettime", "CLOCK_BOOTTIME");
  napi_value result;
  if (napi_create_int64(env, now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000, &result) != napi_ok) return NULL;
  return result;
}

bool memory_init(napi_env env, napi_value exports) {
  return export_function(env, exports, "trim", trim) && export_function(env, exports, "bootTime", boot_time);
}
