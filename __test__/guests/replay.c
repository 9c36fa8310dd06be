// Prints everything that can differ between two runs: arguments, environment, times before and after a sleep, random
// bytes, and the times of a touched file.
#include "guest.h"
#include <poll.h>
#include <time.h>

extern char **environ;

static void print_time(const char *name, clockid_t id) {
  struct timespec now, resolution;
  clock_gettime(id, &now);
  clock_getres(id, &resolution);
  printf("%s: %lld.%09ld, by %ld\n", name, (long long)now.tv_sec, now.tv_nsec, resolution.tv_nsec);
}

static void print_times(void) {
  print_time("realtime", CLOCK_REALTIME);
  print_time("monotonic", CLOCK_MONOTONIC);
  for (__wasi_clockid_t id = 2; id < 4; id++) {
    __wasi_timestamp_t now;
    if (__wasi_clock_time_get(id, 1, &now)) exit(1);
    printf("clock %d: %llu\n", (int)id, (unsigned long long)now);
  }
}

static void print_random(size_t length) {
  unsigned char bytes[64];
  getentropy(bytes, length);
  printf("random: ");
  for (size_t i = 0; i < length; i++) printf("%02x", bytes[i]);
  putchar('\n');
}

int main(int argc, char **argv) {
  for (int i = 0; i < argc; i++) printf("argument: %s\n", argv[i]);
  for (char **variable = environ; *variable; variable++) printf("variable: %s\n", *variable);
  print_times();
  print_random(32);
  SHOW(nanosleep(&(struct timespec){1, 500000000}, NULL));
  SHOW(poll(NULL, 0, 3600000));
  struct timespec until = {2000000000, 1};
  SHOW(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL));
  print_times();
  print_random(5);
  print_random(64);
  put_file("touched", "");
  SHOW(utimensat(AT_FDCWD, "touched", (struct timespec[]){{0, UTIME_NOW}, {0, UTIME_NOW}}, 0));
  struct stat st;
  SHOW(stat("touched", &st));
  printf("touched: %lld.%09ld\n", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  return 3;
}
