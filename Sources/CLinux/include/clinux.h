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
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static inline struct cmsghdr *clinux_cmsg_first(struct msghdr *message) { return CMSG_FIRSTHDR(message); }
static inline struct cmsghdr *clinux_cmsg_next(struct msghdr *message, struct cmsghdr *item) {
  return CMSG_NXTHDR(message, item);
}
static inline void *clinux_cmsg_data(struct cmsghdr *item) { return CMSG_DATA(item); }

/* Linux keeps 15 bytes of the name. */
static inline void clinux_name_this_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
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
