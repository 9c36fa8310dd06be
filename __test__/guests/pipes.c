// Standard input and output: copy, large output, nonblocking reads, closed readers, shared offsets.
#include "guest.h"
#include <wasi/libc.h>

static char buffer[65536];

static bool write_all(int fd, const char *bytes, size_t length) {
  for (ssize_t n; length; bytes += n, length -= n)
    if ((n = write(fd, bytes, length)) <= 0) return false;
  return true;
}

static void copy(void) {
  ssize_t n;
  while ((n = read(0, buffer, sizeof buffer)) > 0)
    if (!write_all(1, buffer, n)) break;
  if (n) fprintf(stderr, "%s", errno_name(errno));
}

static void lines(void) {
  while (fgets(buffer, sizeof buffer, stdin)) {
    printf("got %s", buffer);
    fflush(stdout);
  }
  printf("end: %s\n", feof(stdin) ? "yes" : "no");
}

// 5 MiB of numbered lines, in writes of uneven size.
static void flood(void) {
  size_t used = 0;
  int line = 0;
  for (size_t total = 0; total < 5 << 20;) {
    int n = snprintf(buffer + used, sizeof buffer - used, "line %d\n", line++);
    used += n;
    total += n;
    if (used < 1000 + (size_t)line * 37 % 60000) continue;
    if (!write_all(1, buffer, used)) fprintf(stderr, "%s", errno_name(errno));
    used = 0;
  }
  write_all(1, buffer, used);
}

static void non_blocking(void) {
  fcntl(0, F_SETFL, O_NONBLOCK);
  SHOW_BOOL(fcntl(0, F_GETFL) & O_NONBLOCK);
  SHOW(read(0, buffer, 5));
  fcntl(0, F_SETFL, 0);
  SHOW_BOOL(fcntl(0, F_GETFL) & O_NONBLOCK);
  puts("now speak");
  fflush(stdout);
  SHOW_TEXT(read(0, buffer, 5));
}

static void hung_up(void) {
  memset(buffer, 'x', sizeof buffer);
  while (write_all(1, buffer, sizeof buffer)) {}
  fprintf(stderr, "%s", errno_name(errno));
}

static void not_seekable(void) {
  SHOW(lseek(0, 0, SEEK_CUR));
  SHOW(lseek(1, 0, SEEK_SET));
  SHOW_BOOL(pread(0, buffer, 1, 0) == -1);
  SHOW_BOOL(pwrite(1, "x", 1, 0) == -1);
  struct stat st;
  SHOW(fstat(0, &st));
  SHOW_BOOL(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISCHR(st.st_mode));
}

// Closes 0 to 2, which must not close the descriptors of the host.
static void closed(void) {
  fprintf(stderr, "%d ", close(0));
  fprintf(stderr, "%s ", read(0, buffer, 1) == -1 ? errno_name(errno) : "read");
  put_file("file", "reused");
  fprintf(stderr, "%d ", open("file", O_RDONLY));
  fprintf(stderr, "%.*s ", (int)read(0, buffer, 6), buffer);
  fprintf(stderr, "%d ", close(1));
  fprintf(stderr, "%s\n", write(1, "x", 1) == -1 ? errno_name(errno) : "written");
  close(2);
  write(2, "unseen", 6);
}

// Redirects stdout to a file, as dup2() would.
static void redirected(void) {
  puts("to the pipe");
  fflush(stdout);
  int fd = open("file", O_WRONLY | O_CREAT, 0666);
  fprintf(stderr, "%d", __wasilibc_fd_renumber(fd, 1));
  puts("to the file");
}

// Reads ten bytes of a shared file, and writes the same bytes.
static void shared(void) {
  ssize_t n = read(0, buffer, 10);
  write_all(1, buffer, n);
  fprintf(stderr, "%lld", lseek(0, 0, SEEK_CUR));
}

static void seek(void) {
  SHOW(lseek(0, -4, SEEK_END));
  SHOW_TEXT(read(0, buffer, 10));
  SHOW(lseek(0, 0, SEEK_SET));
  SHOW_TEXT(read(0, buffer, 4));
}

int main(int argc, char **argv) {
  return run_scenario((struct scenario[]){
    {"copy", copy}, {"lines", lines}, {"flood", flood}, {"non blocking", non_blocking},
    {"hung up", hung_up}, {"not seekable", not_seekable}, {"closed", closed}, {"redirected", redirected},
    {"shared", shared}, {"seek", seek}, {0},
  }, argc, argv);
}
