// Where the program begins, in place of the compiler's own crt1.o, which would ask for glibc 2.34: it calls the
// __libc_start_main() of old, which every glibc has for the programs of old. See src/native/glibc-2.28.h.
#include <stddef.h>

#ifdef __x86_64__
#define OLDEST "GLIBC_2.2.5"
__asm__(".globl _start\n_start: xor %ebp, %ebp\n mov %rsp, %rdi\n mov %rdx, %rsi\n and $-16, %rsp\n call begin\n");
#else
#define OLDEST "GLIBC_2.17"
__asm__(".globl _start\n_start: mov x29, #0\n mov x30, #0\n mov x1, x0\n mov x0, sp\n bl begin\n");
#endif

__asm__(".symver start_main,__libc_start_main@" OLDEST);
int start_main(int (*main)(void), int argc, char **argv, void (*init)(void), void (*fini)(void), void (*loader_fini)(void), void *stack);

int main(void);

// The kernel puts the number of arguments and then these on the stack; the loader passes what is to be called at the end.
__attribute__((used)) void begin(void **stack, void (*loader_fini)(void)) {
  start_main(main, *(int *)stack, (char **)(stack + 1), NULL, NULL, loader_fini, stack);
}
