// Accepts clients on descriptor 3 by io_uring(7) alone, and answers each with a line. Says on stdout when it waits. Exits with 77
// where the kernel has no io_uring for us.
#define _GNU_SOURCE
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
  struct io_uring_params params = {0};
  int ring = syscall(SYS_io_uring_setup, 1, &params);
  if (ring < 0) {
    perror("io_uring_setup");
    return 77;
  }
  size_t length = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
  size_t submissions = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
  if (submissions > length) length = submissions;
  // IORING_FEAT_SINGLE_MMAP: one mapping has both queues.
  char *queues = mmap(0, length, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  struct io_uring_sqe *entry = mmap(0, sizeof(*entry), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  if (queues == MAP_FAILED || entry == MAP_FAILED) return 1;
  uint32_t *tail = (uint32_t *)(queues + params.sq_off.tail);
  uint32_t *array = (uint32_t *)(queues + params.sq_off.array);
  uint32_t *head = (uint32_t *)(queues + params.cq_off.head);
  struct io_uring_cqe *completed = (struct io_uring_cqe *)(queues + params.cq_off.cqes);
  printf("waits\n");
  fflush(stdout);
  for (;;) {
    *entry = (struct io_uring_sqe){.opcode = IORING_OP_ACCEPT, .fd = 3};
    array[*tail & (params.sq_entries - 1)] = 0;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0) return 1;
    int client = completed[*head & (params.cq_entries - 1)].res;
    __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
    if (client < 0 || write(client, "io_uring\n", 9) < 0) return 1;
    close(client);
  }
}
