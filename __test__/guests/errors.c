// Calls that fail, and their errnos.
#include "guest.h"
#include <dirent.h>
#include <sys/uio.h>

static char buffer[256];

// libc computes the length of a path. These imports take any length.
__attribute__((import_module("wasi_snapshot_preview1"), import_name("path_create_directory")))
__wasi_errno_t create_directory(__wasi_fd_t fd, const char *path, size_t length);
__attribute__((import_module("wasi_snapshot_preview1"), import_name("path_filestat_get")))
__wasi_errno_t filestat(__wasi_fd_t fd, int flags, const char *path, size_t length, __wasi_filestat_t *st);

static void paths(void) {
  struct stat st;
  char name[300], path[5000];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = 0;
  for (size_t i = 0; i < sizeof path - 1; i++) path[i] = i % 2 ? '/' : 'd';
  path[sizeof path - 1] = 0;
  put_file("file", "text");
  mkdir("dir", 0777);
  SHOW(open("missing", O_RDONLY));
  SHOW(open("missing/file", O_WRONLY | O_CREAT, 0666));
  SHOW(open("file/below", O_RDONLY));
  SHOW(open("file/below", O_WRONLY | O_CREAT, 0666));
  SHOW(open("file", O_RDONLY | O_DIRECTORY));
  SHOW(open("file/", O_RDONLY));
  SHOW(open("new", O_RDONLY | O_CREAT | O_DIRECTORY, 0666));
  SHOW(open("new", O_RDONLY));
  SHOW(open("dir", O_WRONLY));
  SHOW(open("dir", O_RDWR));
  SHOW(open("dir", O_WRONLY | O_CREAT | O_EXCL, 0666));
  SHOW(open(name, O_RDONLY));
  SHOW(open(name, O_WRONLY | O_CREAT, 0666));
  SHOW(mkdir(name, 0777));
  SHOW(stat(path, &st));
  SHOW(stat("file/below", &st));
  SHOW(unlink("missing"));
  SHOW(unlink("file/below"));
  SHOW(unlink("dir"));
  SHOW(rmdir("missing"));
  SHOW(rmdir("file"));
  SHOW(rename("missing", "other"));
  SHOW(rename("file", "missing/other"));
  SHOW(rename("file", "dir"));
  SHOW(rename("dir", "file"));
  SHOW(link("file", "dir"));
  SHOW(symlink("x", "file"));
}

static void bytes_of_paths(void) {
  __wasi_filestat_t st;
  static const char nul_within[] = "a\0b", nul_after[] = "made", file_nul_after[] = "file";
  put_file("file", "text");
  SHOW_ERRNO(create_directory(3, "", 0));
  SHOW_ERRNO(filestat(3, 0, "", 0, &st));
  SHOW_ERRNO(create_directory(3, nul_within, 3));
  SHOW_ERRNO(create_directory(3, nul_after, 5));
  SHOW_ERRNO(filestat(3, 0, file_nul_after, 5, &st));
  SHOW_ERRNO(create_directory(3, "made, not this", 4));
  SHOW_ERRNO(filestat(3, 0, "made", 4, &st));
  SHOW_ERRNO(filestat(3, 0, "file.", 4, &st));
}

static void descriptors(void) {
  struct stat st;
  struct iovec v = {buffer, 1};
  size_t used;
  __wasi_fdstat_t fdstat;
  __wasi_prestat_t prestat;
  SHOW(read(99, buffer, 1));
  SHOW(write(99, buffer, 1));
  SHOW(readv(99, &v, 1));
  SHOW(writev(99, &v, 1));
  SHOW(pread(99, buffer, 1, 0));
  SHOW(pwrite(99, buffer, 1, 0));
  SHOW(lseek(99, 0, SEEK_SET));
  SHOW(close(99));
  SHOW(close(-1));
  SHOW(fstat(99, &st));
  SHOW(fsync(99));
  SHOW(fdatasync(99));
  SHOW(ftruncate(99, 0));
  SHOW_ERRNO(posix_fallocate(99, 0, 1));
  SHOW_ERRNO(posix_fadvise(99, 0, 1, POSIX_FADV_NORMAL));
  SHOW(fcntl(99, F_GETFL));
  SHOW(fcntl(99, F_SETFL, 0));
  SHOW(openat(99, "file", O_RDONLY));
  SHOW(mkdirat(99, "dir", 0777));
  SHOW(unlinkat(99, "file", 0));
  SHOW(fstatat(99, "file", &st, 0));
  SHOW(readlinkat(99, "link", buffer, 1));
  SHOW(symlinkat("x", 99, "link"));
  SHOW_ERRNO(__wasi_fd_readdir(99, (uint8_t *)buffer, 100, 0, &used));
  SHOW_ERRNO(__wasi_fd_fdstat_get(99, &fdstat));
  SHOW_ERRNO(__wasi_fd_prestat_get(99, &prestat));
  SHOW_ERRNO(__wasi_fd_renumber(99, 1));
}

// Directory calls on a file, and file calls on a directory.
static void kinds(void) {
  put_file("file", "text");
  mkdir("dir", 0777);
  int file = open("file", O_RDWR), dir = open("dir", O_RDONLY | O_DIRECTORY);
  SHOW(openat(file, "x", O_RDONLY));
  SHOW_BOOL(mkdirat(file, "x", 0777) == -1);
  SHOW_BOOL(fdopendir(file));
  SHOW_BOOL(read(dir, buffer, 1) == -1);
  SHOW_BOOL(write(dir, "x", 1) == -1);
  SHOW_BOOL(pread(dir, buffer, 1, 0) == -1);
  SHOW_BOOL(pwrite(dir, "x", 1, 0) == -1);
  SHOW_BOOL(ftruncate(dir, 0) == -1);
  SHOW_BOOL(posix_fallocate(dir, 0, 1) != 0);
  // Both are unchanged.
  show_file("file");
  SHOW(fsync(file));
  SHOW(faccessat(dir, ".", F_OK, 0));
}

int main(int argc, char **argv) {
  return run_scenario((struct scenario[]){
    {"paths", paths}, {"bytes of paths", bytes_of_paths}, {"descriptors", descriptors}, {"kinds", kinds}, {0},
  }, argc, argv);
}
