/* The Linux calls that Swift's Glibc overlay does not import, and macros it can't. */
#ifndef CLINUX_H
#define CLINUX_H
/* Types first, as Swift's Glibc module sees them: under _GNU_SOURCE fd_set names its members otherwise, and the
   compiler refuses to use both modules in one file. The GNU calls are switched on after that. */
#include <sys/types.h>
#ifndef __USE_GNU
#define __USE_GNU 1
#endif
#include <errno.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

static inline struct cmsghdr *clinux_cmsg_first(struct msghdr *message) { return CMSG_FIRSTHDR(message); }
static inline struct cmsghdr *clinux_cmsg_next(struct msghdr *message, struct cmsghdr *item) {
  return CMSG_NXTHDR(message, item);
}
static inline void *clinux_cmsg_data(struct cmsghdr *item) { return CMSG_DATA(item); }

/* Linux keeps 15 bytes of the name. */
static inline void clinux_name_this_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

/* futex(2), between the threads of one process. Both leave errno as it was: a lock may be taken before it is read. A
   sleeper is woken by wakes that have one of its bits. */

/* Sleeps if `*word` is `expected`, until that time on the monotonic clock; NULL is for ever. 0 when it was woken, else
   ETIMEDOUT, EAGAIN (the word is another), or EINTR. */
static inline int clinux_futex_wait(uint32_t *word, uint32_t expected, const struct timespec *until, uint32_t bits) {
  int before = errno;
  long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected, until, NULL, bits);
  int outcome = result == 0 ? 0 : errno;
  errno = before;
  return outcome;
}

/* Wakes up to so many of those who sleep at `word`. */
static inline void clinux_futex_wake(uint32_t *word, int count, uint32_t bits) {
  int before = errno;
  syscall(SYS_futex, word, FUTEX_WAKE_BITSET_PRIVATE, count, NULL, NULL, bits);
  errno = before;
}

/* Says that this thread spins: the processor saves power, or gives it to the other thread of the core. */
static inline void clinux_spin_hint(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

/* The bytes that an item with `length` bytes of data takes in a control buffer, and the length it declares. */
static inline size_t clinux_cmsg_space(size_t length) { return CMSG_SPACE(length); }
static inline size_t clinux_cmsg_length(size_t length) { return CMSG_LEN(length); }

/* What IP_RECVERR reports: struct sock_extended_err of <linux/errqueue.h>, whose includes clash with glibc's. */
struct clinux_extended_error {
  unsigned int number;
  unsigned char origin, type, code, padding;
  unsigned int info, data;
};
#endif
