/* How long the library takes to load: dlopen with all symbols bound, and the first call into it.
 *
 * usage: load_time /path/to/libmeshkit.so
 * Prints microseconds of dlopen, of the first call, and the growth of resident memory in KiB. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static double microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static long resident_kib(void) {
  char line[256];
  long kib = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status)) sscanf(line, "VmRSS: %ld", &kib);
  if (status) fclose(status);
  return kib;
}

int main(int argc, char **argv) {
  if (argc != 2) return fprintf(stderr, "usage: load_time LIBRARY\n"), 2;
  long before = resident_kib();
  double start = microseconds();
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  double loaded = microseconds();
  if (!library) return fprintf(stderr, "load_time: %s\n", dlerror()), 1;
  int32_t (*version)(void);
  void *symbol = dlsym(library, "meshkit_version_number");
  memcpy(&version, &symbol, sizeof version);
  if (!symbol || version() <= 0) return fprintf(stderr, "load_time: no version\n"), 1;
  double called = microseconds();
  printf("%.0f %.0f %ld\n", loaded - start, called - loaded, resident_kib() - before);
  return 0;
}
