// Giving back memory that the wait for the next event doesn't need.
#include "addon.h"

#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

// Segments that can't be written are as they stand in their file: what is dropped of them comes back from the page
// cache when it is touched. (What the dynamic linker relocates lies in the writable ones.)
static int drop_unwritable(struct dl_phdr_info *object, size_t size, void *data) {
  uintptr_t page = sysconf(_SC_PAGESIZE);
  if (object->dlpi_name[0] && object->dlpi_name[0] != '/') return 0;  // the kernel's vDSO
  for (int i = 0; i < object->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W)) continue;
    uintptr_t start = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
    uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_filesz;
    madvise((void *)start, end - start, MADV_DONTNEED);
  }
  return 0;
}

// trim(): returns free heap to the system, and lets go of program text
static napi_value trim(napi_env env, napi_callback_info info) {
  malloc_trim(0);
  dl_iterate_phdr(drop_unwritable, NULL);
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
