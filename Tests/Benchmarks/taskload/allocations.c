/* Counts how often a program asks for memory: loaded before the C library, with LD_PRELOAD. */
#include <stdatomic.h>
#include <stddef.h>

void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t),
    *__libc_memalign(size_t, size_t);
static _Atomic unsigned long asked;

unsigned long bench_allocations(void) { return asked; }

void *malloc(size_t size) {
  asked++;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  asked++;
  return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
  asked++;
  return __libc_realloc(old, size);
}
void *memalign(size_t alignment, size_t size) {
  asked++;
  return __libc_memalign(alignment, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  asked++;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **out, size_t alignment, size_t size) {
  asked++;
  return (*out = __libc_memalign(alignment, size)) ? 0 : 12;
}
