// File times in nanoseconds: set by path and by descriptor, set to now, omitted, and of symlinks.
#include "guest.h"
#include <sys/time.h>
#include <time.h>

static const struct timespec pair[2] = {{1234567890, 123456789}, {1600000000, 987654321}};

static void print_times(const char *path, struct stat *st) {
  printf("%s: %lld.%09ld %lld.%09ld\n", path, (long long)st->st_atim.tv_sec, st->st_atim.tv_nsec,
         (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

static void times_of(const char *path) {
  struct stat st;
  if (lstat(path, &st)) show(path, -1);
  else print_times(path, &st);
}

static bool is_now(struct timespec t) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  long long apart = (now.tv_sec - t.tv_sec) * 1000000000LL + now.tv_nsec - t.tv_nsec;
  return llabs(apart) < 60 * 1000000000LL;
}

static void by_path(void) {
  put_file("file", "text");
  SHOW(utimensat(AT_FDCWD, "file", pair, 0));
  times_of("file");
  SHOW(utimensat(AT_FDCWD, "file", (struct timespec[]){{0, 0}, {0, 1}}, 0));
  times_of("file");
  SHOW(utimensat(AT_FDCWD, "file", (struct timespec[]){{4102444800, 1}, {1, 999999999}}, 0));
  times_of("file");
  SHOW(utimensat(AT_FDCWD, "file", (struct timespec[]){{1, 1000000000}, {1, 0}}, 0));
  SHOW(utimensat(AT_FDCWD, "missing", pair, 0));
  SHOW(utimes("file", (struct timeval[]){{5, 6}, {7, 8}}));
  times_of("file");
}

static void by_descriptor(void) {
  struct stat st;
  int fd = open("file", O_RDWR | O_CREAT, 0666);
  SHOW(futimens(fd, pair));
  SHOW(fstat(fd, &st));
  print_times("file", &st);
  times_of("file");
  mkdir("dir", 0777);
  int dir = open("dir", O_RDONLY | O_DIRECTORY);
  SHOW(futimens(dir, pair));
  times_of("dir");
  SHOW(utimensat(dir, ".", (struct timespec[]){{3, 4}, {5, 6}}, 0));
  times_of("dir");
  SHOW(futimens(99, pair));
}

static void now_and_omit(void) {
  struct stat st;
  struct timespec left = {0, UTIME_OMIT}, now = {0, UTIME_NOW};
  put_file("file", "text");
  int fd = open("file", O_RDWR);
  utimensat(AT_FDCWD, "file", pair, 0);
  SHOW(utimensat(AT_FDCWD, "file", (struct timespec[]){left, left}, 0));
  times_of("file");
  SHOW(utimensat(AT_FDCWD, "file", (struct timespec[]){{9, 8}, left}, 0));
  times_of("file");
  SHOW(futimens(fd, (struct timespec[]){left, {7, 6}}));
  times_of("file");
  SHOW(utimensat(AT_FDCWD, "file", (struct timespec[]){left, now}, 0));
  stat("file", &st);
  SHOW(st.st_atim.tv_sec);
  SHOW_BOOL(is_now(st.st_mtim));
  SHOW(futimens(fd, (struct timespec[]){now, {7, 6}}));
  stat("file", &st);
  SHOW_BOOL(is_now(st.st_atim));
  SHOW(st.st_mtim.tv_sec);
  SHOW(st.st_mtim.tv_nsec);
  utimensat(AT_FDCWD, "file", pair, 0);
  SHOW(utimensat(AT_FDCWD, "file", NULL, 0));
  stat("file", &st);
  SHOW_BOOL(is_now(st.st_atim) && is_now(st.st_mtim));
  SHOW_BOOL(is_now(st.st_ctim));
}

static void links(void) {
  put_file("file", "text");
  symlink("file", "link");
  symlink("nothing", "dangling");
  utimensat(AT_FDCWD, "file", (struct timespec[]){{1, 2}, {3, 4}}, 0);
  SHOW(utimensat(AT_FDCWD, "link", pair, AT_SYMLINK_NOFOLLOW));
  times_of("link");
  times_of("file");
  SHOW(utimensat(AT_FDCWD, "link", (struct timespec[]){{5, 6}, {7, 8}}, 0));
  times_of("file");
  SHOW(utimensat(AT_FDCWD, "dangling", pair, AT_SYMLINK_NOFOLLOW));
  times_of("dangling");
  SHOW(utimensat(AT_FDCWD, "dangling", pair, 0));
}

// Sets a time both to a value and to now, which is invalid.
static void contradictions(void) {
  put_file("file", "text");
  int fd = open("file", O_RDWR);
  __wasi_fstflags_t atim = __WASI_FSTFLAGS_ATIM | __WASI_FSTFLAGS_ATIM_NOW;
  __wasi_fstflags_t mtim = __WASI_FSTFLAGS_MTIM | __WASI_FSTFLAGS_MTIM_NOW;
  SHOW_ERRNO(__wasi_fd_filestat_set_times(fd, 1, 1, atim));
  SHOW_ERRNO(__wasi_fd_filestat_set_times(fd, 1, 1, mtim));
  SHOW_ERRNO(__wasi_path_filestat_set_times(3, 0, "file", 1, 1, atim));
  SHOW_ERRNO(__wasi_path_filestat_set_times(3, 0, "file", 1, 1, mtim));
}

int main(int argc, char **argv) {
  return run_scenario((struct scenario[]){
    {"by path", by_path}, {"by descriptor", by_descriptor}, {"now and omit", now_and_omit},
    {"links", links}, {"contradictions", contradictions}, {0},
  }, argc, argv);
}
