// Included before all else of a published addon: it must load wherever Node 20 does, from glibc 2.28 on. These functions were
// moved or renewed later; what they were before does the same, and every newer glibc still has it.
#pragma once

#ifdef __x86_64__
#define OLDEST "GLIBC_2.2.5"
#define OLDEST_SCANF "GLIBC_2.7"
#else
#define OLDEST "GLIBC_2.17"
#define OLDEST_SCANF "GLIBC_2.17"
#endif

__asm__(".symver pthread_create,pthread_create@" OLDEST);
__asm__(".symver pthread_attr_setstacksize,pthread_attr_setstacksize@" OLDEST);
// Headers since glibc 2.38 make this of sscanf.
__asm__(".symver __isoc23_sscanf,__isoc99_sscanf@" OLDEST_SCANF);
