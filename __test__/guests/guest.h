// Helpers of all guests. Each call is printed with its result, so that the expected output in a spec reads
// like a trace: `write(fd, "abc", 3): 3`, `mkdir("a", 0777): EEXIST`.
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasi/api.h>

static inline const char *errno_name(int code) {
  static char unknown[16];
  switch (code) {
#define NAME(errno_code) case errno_code: return #errno_code;
    NAME(EACCES) NAME(EAGAIN) NAME(EBADF) NAME(EBUSY) NAME(EEXIST) NAME(EFAULT) NAME(EFBIG)
    NAME(EILSEQ) NAME(EINVAL) NAME(EIO) NAME(EISDIR) NAME(ELOOP) NAME(EMFILE) NAME(ENAMETOOLONG)
    NAME(ENFILE) NAME(ENOBUFS) NAME(ENOENT) NAME(ENOSPC) NAME(ENOSYS) NAME(ENOTCAPABLE)
    NAME(ENOTDIR) NAME(ENOTEMPTY) NAME(ENOTSOCK) NAME(ENOTSUP) NAME(ENOTTY) NAME(ENXIO)
    NAME(EOVERFLOW) NAME(EPERM) NAME(EPIPE) NAME(ERANGE) NAME(EROFS) NAME(ESPIPE) NAME(EXDEV)
#undef NAME
  }
  snprintf(unknown, sizeof unknown, "errno %d", code);
  return unknown;
}

static inline void show(const char *step, long long result) {
  if (result == -1) printf("%s: %s\n", step, errno_name(errno));
  else printf("%s: %lld\n", step, result);
}

// For functions that return an errno, of POSIX and of WASI.
static inline void show_errno(const char *step, int code) {
  printf("%s: %s\n", step, code ? errno_name(code) : "ok");
}

// Prints EBADF and ENOTCAPABLE as `refused`: hosts differ in the errno for a missing right.
static inline void show_refused(const char *step, long long result) {
  bool refused = result == -1 && (errno == EBADF || errno == ENOTCAPABLE);
  if (refused) printf("%s: refused\n", step);
  else show(step, result);
}

static inline void show_text(const char *step, const char *bytes, long long length) {
  if (length == -1) show(step, -1);
  else printf("%s: \"%.*s\"\n", step, (int)length, bytes);
}

#define SHOW(call) show(#call, (long long)(call))
#define SHOW_ERRNO(call) show_errno(#call, (call))
#define SHOW_REFUSED(call) show_refused(#call, (long long)(call))
// For reads into `buffer`. Prints the text.
#define SHOW_TEXT(call) show_text(#call, buffer, (long long)(call))
#define SHOW_BOOL(test) printf("%s: %s\n", #test, (test) ? "yes" : "no")

static inline void put_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (fd == -1 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) show(path, -1);
  close(fd);
}

static inline void show_file(const char *path) {
  char text[256];
  int fd = open(path, O_RDONLY);
  show_text(path, text, fd == -1 ? -1 : read(fd, text, sizeof text));
  if (fd != -1) close(fd);
}

// The guest runs the scenario that its first argument names.
struct scenario { const char *name; void (*run)(void); };

static inline int run_scenario(const struct scenario *list, int argc, char **argv) {
  for (; argc > 1 && list->name; list++)
    if (!strcmp(list->name, argv[1])) return list->run(), 0;
  fprintf(stderr, "no such scenario: %s\n", argc > 1 ? argv[1] : "");
  return 64;
}
