// The four clocks, their resolutions, and sched_yield.
#include "guest.h"
#include <sched.h>
#include <sys/time.h>
#include <time.h>

enum { realtime, monotonic, process_cpu, thread_cpu };

static __wasi_timestamp_t now(__wasi_clockid_t id) {
  __wasi_timestamp_t t = 0;
  __wasi_errno_t error = __wasi_clock_time_get(id, 1, &t);
  if (error) show_errno("clock_time_get", error), exit(1);
  return t;
}

int main(int argc, char **argv) {
  if (argc > 1) { // the host's clock, in milliseconds
    long long apart = (long long)(now(realtime) / 1000000) - atoll(argv[1]);
    SHOW_BOOL(llabs(apart) < 60000);
  }
  for (__wasi_clockid_t id = realtime; id <= thread_cpu; id++) {
    __wasi_timestamp_t resolution = 0, before = now(id), t = before, back = 0;
    for (int i = 0; i < 20000; i++) {
      __wasi_timestamp_t next = now(id);
      if (next < t) back++;
      t = next;
    }
    printf("clock %d\n", (int)id);
    SHOW_BOOL(t > before);
    if (id != realtime) SHOW_BOOL(back == 0);
    SHOW_ERRNO(__wasi_clock_res_get(id, &resolution));
    SHOW_BOOL(resolution > 0 && resolution <= 20000000);
  }
  // CPU-time clocks do not count waits.
  __wasi_timestamp_t cpu = now(thread_cpu), wall = now(monotonic);
  usleep(300000);
  SHOW_BOOL(now(monotonic) - wall >= 300000000);
  SHOW_BOOL(now(thread_cpu) - cpu < 250000000);
  SHOW_BOOL(now(thread_cpu) <= now(process_cpu));

  __wasi_timestamp_t unused;
  SHOW_ERRNO(__wasi_clock_time_get(4, 1, &unused));
  SHOW_ERRNO(__wasi_clock_res_get(4, &unused));
  SHOW_ERRNO(__wasi_clock_time_get(~0u, 1, &unused));

  struct timespec t;
  struct timeval v;
  SHOW(clock_gettime(CLOCK_REALTIME, &t));
  SHOW(gettimeofday(&v, NULL));
  SHOW_BOOL(v.tv_sec - t.tv_sec < 60 && time(NULL) - t.tv_sec < 60);
  SHOW(clock_getres(CLOCK_MONOTONIC, &t));
  SHOW(sched_yield());
}
