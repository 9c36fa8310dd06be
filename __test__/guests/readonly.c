// Calls on the read-only directory /ro and the writable directory /rw.
#include "guest.h"
#include <dirent.h>
#include <sys/time.h>

static char buffer[256];

static void changing(void) {
  int fd;
  SHOW(open("/ro/file", O_WRONLY));
  SHOW(open("/ro/file", O_RDWR));
  SHOW(open("/ro/file", O_RDONLY | O_TRUNC));
  SHOW(open("/ro/new", O_WRONLY | O_CREAT, 0666));
  SHOW(open("/ro/new", O_RDONLY | O_CREAT, 0666));
  SHOW(open("/ro/file", O_RDONLY | O_CREAT | O_EXCL, 0666));
  SHOW(open("/ro/sub", O_RDONLY | O_CREAT, 0666));
  SHOW(mkdir("/ro/new", 0777));
  SHOW(rmdir("/ro/empty"));
  SHOW(unlink("/ro/file"));
  SHOW(symlink("file", "/ro/new"));
  SHOW(link("/ro/file", "/ro/new"));
  SHOW(link("/ro/file", "/rw/new"));
  SHOW(link("/rw/file", "/ro/new"));
  SHOW(rename("/ro/file", "/ro/new"));
  SHOW(rename("/ro/file", "/rw/new"));
  SHOW(rename("/rw/file", "/ro/file"));
  SHOW(utimensat(AT_FDCWD, "/ro/file", NULL, 0));
  SHOW(fd = open("/ro/file", O_RDONLY));
  SHOW(write(fd, "x", 1));
  SHOW(ftruncate(fd, 0));
  SHOW(futimens(fd, NULL));
  SHOW(posix_fallocate(fd, 0, 100) == EROFS);
  close(fd);
  SHOW(fd = open("/ro/sub", O_RDONLY | O_DIRECTORY));
  SHOW(openat(fd, "inner", O_WRONLY));
  SHOW(unlinkat(fd, "inner", 0));
  SHOW(renameat(fd, "inner", AT_FDCWD, "/rw/new"));
  SHOW(mkdirat(fd, "../new", 0777));
  SHOW(futimens(fd, NULL));
}

static void reading(void) {
  int fd, count = 0;
  struct stat st;
  show_file("/ro/file");
  show_file("/ro/link");
  show_file("/ro/sub/inner");
  SHOW(open("/ro/missing", O_RDONLY));
  SHOW(fd = open("/ro/file", O_RDONLY | O_CREAT, 0666));
  SHOW_TEXT(read(fd, buffer, sizeof buffer));
  SHOW(lseek(fd, 1, SEEK_SET));
  SHOW(fcntl(fd, F_SETFL, O_APPEND));
  SHOW(fsync(fd));
  SHOW(stat("/ro/sub", &st));
  SHOW_TEXT(readlink("/ro/link", buffer, sizeof buffer));
  DIR *dir = opendir("/ro");
  while (readdir(dir)) count++;
  SHOW(count);
  FILE *file = fopen("/ro/file", "a");
  SHOW_BOOL(!file && errno == EROFS);
  put_file("/rw/file", "new text");
  show_file("/rw/file");
}

int main(int argc, char **argv) {
  static const struct scenario list[] = {{"changing", changing}, {"reading", reading}, {0}};
  return run_scenario(list, argc, argv);
}
