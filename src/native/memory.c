// Giving back memory that the wait for the next event doesn't need.
#include "addon.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
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

bool memory_init(napi_env env, napi_value exports) { return export_function(env, exports, "trim", trim); }
