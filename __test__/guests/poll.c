// poll_oneoff on clocks, stdin and files, and the sleeps and polls of libc.
#include "guest.h"
#include <poll.h>
#include <sys/select.h>
#include <time.h>

enum { ms = 1000000 };
static char buffer[256];
static __wasi_subscription_t subs[16];
static __wasi_event_t events[16];
static size_t nsubs, nevents;

static __wasi_timestamp_t time_of(__wasi_clockid_t clock) {
  __wasi_timestamp_t t = 0;
  return __wasi_clock_time_get(clock, 1, &t) ? 0 : t;
}

static __wasi_timestamp_t began;

static void begin(void) { began = time_of(__WASI_CLOCKID_MONOTONIC); }

// Prints whether the wait was long enough. The upper bound only detects hangs.
static void waited(const char *title, long long least) {
  long long ns = time_of(__WASI_CLOCKID_MONOTONIC) - began;
  const char *verdict = ns < least ? "too short" : ns > 8000LL * ms ? "too long" : "ok";
  printf("%s: %s\n", title, verdict);
}

static __wasi_subscription_t *subscribe(uint64_t userdata, uint8_t type) {
  subs[nsubs] = (__wasi_subscription_t){.userdata = userdata, .u.tag = type};
  return &subs[nsubs++];
}

static void on_clock(uint64_t userdata, __wasi_clockid_t clock, __wasi_timestamp_t timeout, int flags) {
  subscribe(userdata, __WASI_EVENTTYPE_CLOCK)->u.u.clock =
    (__wasi_subscription_clock_t){.id = clock, .timeout = timeout, .flags = flags};
}

static void on_read(uint64_t userdata, int fd) {
  subscribe(userdata, __WASI_EVENTTYPE_FD_READ)->u.u.fd_read.file_descriptor = fd;
}

static void on_write(uint64_t userdata, int fd) {
  subscribe(userdata, __WASI_EVENTTYPE_FD_WRITE)->u.u.fd_write.file_descriptor = fd;
}

static int by_userdata(const void *a, const void *b) {
  return (int)((const __wasi_event_t *)a)->userdata - (int)((const __wasi_event_t *)b)->userdata;
}

static void wait_and_print(void) {
  static const char *const types[] = {"clock", "read", "write"};
  begin();
  __wasi_errno_t error = __wasi_poll_oneoff(subs, events, nsubs, &nevents);
  nsubs = 0;
  if (error) return show_errno("poll_oneoff", error);
  qsort(events, nevents, sizeof *events, by_userdata);
  for (size_t i = 0; i < nevents; i++) {
    __wasi_event_t *e = &events[i];
    printf("%s %llu", types[e->type], e->userdata);
    if (e->error) printf(" %s", errno_name(e->error));
    else if (e->type == __WASI_EVENTTYPE_FD_READ) printf(" %llu bytes", e->fd_readwrite.nbytes);
    puts("");
  }
}

static void clocks(void) {
  static const struct { const char *name; __wasi_clockid_t id; } list[] = {
    {"realtime", __WASI_CLOCKID_REALTIME}, {"monotonic", __WASI_CLOCKID_MONOTONIC},
  };
  const int absolute = __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME;
  for (int i = 0; i < 2; i++) {
    __wasi_clockid_t id = list[i].id;
    puts(list[i].name);
    on_clock(1, id, 30 * ms, 0);
    wait_and_print();
    waited("30 ms", 30 * ms);
    on_clock(2, id, 500000, 0);
    wait_and_print();
    waited("500 us", 500000);
    on_clock(3, id, 2900000, 0);
    wait_and_print();
    waited("2.9 ms", 2900000);
    on_clock(4, id, 0, 0);
    wait_and_print();
    waited("nothing", 0);
    __wasi_timestamp_t deadline = time_of(id) + 30 * ms;
    on_clock(5, id, deadline, absolute);
    wait_and_print();
    SHOW_BOOL(time_of(id) >= deadline);
    waited("a deadline", 0);
    on_clock(6, id, 1000, absolute);
    wait_and_print();
    waited("a deadline long past", 0);
    on_clock(7, id, time_of(id) - ms, absolute);
    wait_and_print();
    waited("a deadline just past", 0);
    on_clock(8, id, 0, absolute);
    wait_and_print();
    waited("the deadline 0", 0);
  }
}

static void several_clocks(void) {
  on_clock(1, __WASI_CLOCKID_MONOTONIC, 3600000LL * ms, 0);
  on_clock(2, __WASI_CLOCKID_MONOTONIC, 20 * ms, 0);
  on_clock(3, __WASI_CLOCKID_REALTIME, 3600000LL * ms, 0);
  wait_and_print();
  waited("the soonest", 20 * ms);
  on_clock(1, __WASI_CLOCKID_MONOTONIC, 0, 0);
  on_clock(2, __WASI_CLOCKID_REALTIME, 1000, 1);
  on_clock(3, __WASI_CLOCKID_MONOTONIC, ~0ULL, 0);
  on_clock(4, __WASI_CLOCKID_MONOTONIC, 0, 0);
  wait_and_print();
  waited("all that are due", 0);
}

static void sleeps(void) {
  struct timespec t = {0, 30 * ms};
  begin();
  SHOW(nanosleep(&t, NULL));
  waited("nanosleep", 30 * ms);
  begin();
  SHOW(usleep(30000));
  waited("usleep", 30 * ms);
  begin();
  SHOW(sleep(1));
  waited("sleep", 1000 * ms);
  begin();
  SHOW_ERRNO(clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL));
  waited("clock_nanosleep", 30 * ms);
  begin();
  clock_gettime(CLOCK_MONOTONIC, &t);
  t.tv_nsec += 30 * ms;
  if (t.tv_nsec >= 1000 * ms) t.tv_sec++, t.tv_nsec -= 1000 * ms;
  SHOW_ERRNO(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
  waited("clock_nanosleep until", 0);
  begin();
  SHOW_ERRNO(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
  waited("clock_nanosleep until a moment past", 0);
  clock_gettime(CLOCK_REALTIME, &t);
  t.tv_sec -= 10;
  begin();
  SHOW_ERRNO(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL));
  waited("clock_nanosleep until ten seconds ago", 0);
  begin();
  SHOW(poll(NULL, 0, 20));
  waited("poll", 20 * ms);
}

static void files(void) {
  put_file("file", "0123456789");
  int fd = open("file", O_RDWR);
  lseek(fd, 4, SEEK_SET);
  on_read(1, fd);
  on_clock(2, __WASI_CLOCKID_MONOTONIC, 3600000LL * ms, 0);
  wait_and_print();
  on_read(3, fd);
  on_write(4, fd);
  wait_and_print();
  lseek(fd, 0, SEEK_END);
  on_read(5, fd);
  wait_and_print();
  SHOW(poll(&(struct pollfd){.fd = fd, .events = POLLIN | POLLOUT}, 1, 1000));
}

static void mixed(void) {
  put_file("file", "0123456789");
  int fd = open("file", O_RDWR);
  on_clock(1, __WASI_CLOCKID_MONOTONIC, 0, 0);
  on_read(2, fd);
  on_read(3, 99);
  on_write(4, fd);
  on_clock(5, __WASI_CLOCKID_REALTIME, 1000, 1);
  on_clock(6, __WASI_CLOCKID_REALTIME, 3600000LL * ms, 0);
  on_write(7, 98);
  on_read(8, fd);
  wait_and_print();
  on_read(1, 99);
  wait_and_print();
}

static void invalid(void) {
  SHOW_ERRNO(__wasi_poll_oneoff(subs, events, 0, &nevents));
  subscribe(1, 9);
  SHOW_ERRNO(__wasi_poll_oneoff(subs, events, nsubs, &nevents));
}

// stdin has data, or its writer has closed the pipe.
static void input(void) {
  on_read(1, 0);
  on_clock(2, __WASI_CLOCKID_MONOTONIC, 3600000LL * ms, 0);
  wait_and_print();
  SHOW_TEXT(read(0, buffer, 3));
  struct pollfd p = {.fd = 0, .events = POLLIN};
  SHOW(poll(&p, 1, 5000));
  SHOW_BOOL(p.revents & POLLIN);
  SHOW_TEXT(read(0, buffer, 3));
  on_read(3, 0);
  on_clock(4, __WASI_CLOCKID_MONOTONIC, 3600000LL * ms, 0);
  wait_and_print();
  SHOW_TEXT(read(0, buffer, 3));
}

// stdin has data only after `now speak` is printed.
static void idle(void) {
  on_read(1, 0);
  on_clock(2, __WASI_CLOCKID_MONOTONIC, 50 * ms, 0);
  wait_and_print();
  waited("50 ms", 50 * ms);
  struct pollfd p = {.fd = 0, .events = POLLIN};
  SHOW(poll(&p, 1, 0));
  SHOW(poll(&p, 1, 30));
  fd_set set;
  FD_ZERO(&set);
  FD_SET(0, &set);
  SHOW(select(1, &set, NULL, NULL, &(struct timeval){0, 10000}));
  puts("now speak");
  fflush(stdout);
  on_read(3, 0);
  on_clock(4, __WASI_CLOCKID_MONOTONIC, 3600000LL * ms, 0);
  wait_and_print();
  SHOW_TEXT(read(0, buffer, sizeof buffer));
}

static void output(void) {
  on_write(1, 1);
  on_clock(2, __WASI_CLOCKID_MONOTONIC, 3600000LL * ms, 0);
  wait_and_print();
}

int main(int argc, char **argv) {
  return run_scenario((struct scenario[]){
    {"clocks", clocks}, {"several clocks", several_clocks}, {"sleeps", sleeps}, {"files", files},
    {"mixed", mixed}, {"invalid", invalid}, {"input", input}, {"idle", idle}, {"output", output}, {0},
  }, argc, argv);
}
