// Files by descriptor: open modes, offsets, vectors, sizes, and unlinked files.
#include "guest.h"
#include <sys/uio.h>
#include <wasi/libc.h>

static char buffer[256];

static void modes(void) {
  int fd;
  SHOW(open("new.txt", O_RDONLY));
  SHOW(fd = open("new.txt", O_WRONLY | O_CREAT | O_EXCL, 0666));
  SHOW(open("new.txt", O_WRONLY | O_CREAT | O_EXCL, 0666));
  SHOW(write(fd, "hello world", 11));
  SHOW_REFUSED(read(fd, buffer, 4));
  SHOW(close(fd));
  SHOW(fd = open("new.txt", O_RDONLY));
  SHOW_REFUSED(write(fd, "x", 1));
  SHOW_BOOL(ftruncate(fd, 0) == -1);
  SHOW_TEXT(read(fd, buffer, sizeof buffer));
  SHOW_TEXT(read(fd, buffer, sizeof buffer));
  SHOW(close(fd));
  SHOW(fd = open("new.txt", O_RDWR));
  SHOW(write(fd, "HELLO", 5));
  SHOW_TEXT(read(fd, buffer, sizeof buffer));
  SHOW(close(fd));
  SHOW(fd = open("new.txt", O_WRONLY | O_CREAT, 0666));
  SHOW(close(fd));
  show_file("new.txt");
  SHOW(fd = open("new.txt", O_WRONLY | O_TRUNC));
  SHOW(lseek(fd, 0, SEEK_END));
  SHOW(close(fd));
}

static void append(void) {
  put_file("log", "one ");
  int fd = open("log", O_RDWR | O_APPEND);
  SHOW_BOOL(fcntl(fd, F_GETFL) & O_APPEND);
  SHOW(write(fd, "two ", 4));
  SHOW(lseek(fd, 0, SEEK_CUR));
  SHOW(lseek(fd, 0, SEEK_SET));
  SHOW_TEXT(read(fd, buffer, 4));
  SHOW(write(fd, "three ", 6));
  SHOW(lseek(fd, 0, SEEK_CUR));
  show_file("log");
  SHOW(fcntl(fd, F_SETFL, 0));
  SHOW_BOOL(fcntl(fd, F_GETFL) & O_APPEND);
  SHOW(lseek(fd, 0, SEEK_SET));
  SHOW(write(fd, "ONE", 3));
  show_file("log");
  SHOW(fcntl(fd, F_SETFL, O_APPEND));
  SHOW(write(fd, "four", 4));
  show_file("log");
}

static void seek(void) {
  static const char with_hole[] = "01234ab789\0\0end";
  put_file("digits", "0123456789");
  int fd = open("digits", O_RDWR);
  SHOW(lseek(fd, 4, SEEK_SET));
  SHOW_TEXT(read(fd, buffer, 2));
  SHOW(lseek(fd, -1, SEEK_CUR));
  SHOW_TEXT(read(fd, buffer, 2));
  SHOW(lseek(fd, -2, SEEK_END));
  SHOW_TEXT(read(fd, buffer, 9));
  SHOW(lseek(fd, -1, SEEK_SET));
  SHOW(lseek(fd, -11, SEEK_END));
  SHOW(lseek(fd, 0, 7));
  SHOW(lseek(fd, 0, SEEK_CUR));
  SHOW_TEXT(pread(fd, buffer, 3, 2));
  SHOW_TEXT(pread(fd, buffer, 3, 9));
  SHOW_TEXT(pread(fd, buffer, 3, 99));
  SHOW(pwrite(fd, "ab", 2, 5));
  SHOW(lseek(fd, 0, SEEK_CUR));
  SHOW(lseek(fd, 12, SEEK_SET));
  SHOW_TEXT(read(fd, buffer, 3));
  SHOW(write(fd, "end", 3));
  SHOW(pread(fd, buffer, 20, 0));
  SHOW(memcmp(buffer, with_hole, 15));
}

static void vectors(void) {
  static char a[3], b[1], c[8];
  int fd = open("vector", O_RDWR | O_CREAT, 0666);
  struct iovec out[] = {{"abc", 3}, {"", 0}, {"defgh", 5}, {"i", 1}};
  struct iovec in[] = {{a, 3}, {b, 0}, {b, 1}, {c, 8}};
  SHOW(writev(fd, out, 4));
  SHOW(writev(fd, out, 0));
  SHOW(lseek(fd, 0, SEEK_SET));
  SHOW(readv(fd, in, 0));
  SHOW(readv(fd, in, 4));
  printf("%.3s|%.1s|%s\n", a, b, c);
  SHOW(readv(fd, in, 4));
  SHOW(pwritev(fd, out, 3, 1));
  SHOW(preadv(fd, in, 3, 1));
  printf("%.3s|%.1s\n", a, b);
  SHOW(lseek(fd, 0, SEEK_CUR));
  show_file("vector");
}

// More buffers than Linux accepts in one system call.
static void many_vectors(void) {
  enum { parts = 1500 };
  static char bytes[parts], back[parts];
  static struct iovec out[parts], in[parts];
  int fd = open("parts", O_RDWR | O_CREAT, 0666);
  for (int i = 0; i < parts; i++) {
    bytes[i] = 'a' + i % 26;
    out[i] = (struct iovec){bytes + i, 1};
    in[i] = (struct iovec){back + i, 1};
  }
  size_t written = 0, got = 0;
  ssize_t n;
  while (written < parts && (n = writev(fd, out + written, parts - written)) > 0) written += n;
  lseek(fd, 0, SEEK_SET);
  while (got < parts && (n = readv(fd, in + got, parts - got)) > 0) got += n;
  SHOW(written);
  SHOW(got);
  SHOW(memcmp(bytes, back, parts));
}

static long long size_of(int fd) {
  struct stat st;
  return fstat(fd, &st) ? -1 : st.st_size;
}

static void sizes(void) {
  static const char grown[6] = "0123";
  int fd = open("sized", O_RDWR | O_CREAT, 0666);
  SHOW(write(fd, "0123456789", 10));
  SHOW(ftruncate(fd, 4));
  SHOW(size_of(fd));
  SHOW(lseek(fd, 0, SEEK_CUR));
  SHOW(ftruncate(fd, 6));
  SHOW(pread(fd, buffer, 20, 0));
  SHOW(memcmp(buffer, grown, 6));
  SHOW(ftruncate(fd, -1));
  SHOW_ERRNO(posix_fallocate(fd, 0, 3));
  SHOW(size_of(fd));
  SHOW_ERRNO(posix_fallocate(fd, 100, 28));
  SHOW(size_of(fd));
  SHOW_ERRNO(posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL));
  SHOW_ERRNO(posix_fadvise(fd, 0, 10, POSIX_FADV_SEQUENTIAL));
  SHOW_ERRNO(posix_fadvise(fd, 0, 10, POSIX_FADV_RANDOM));
  SHOW_ERRNO(posix_fadvise(fd, 0, 10, POSIX_FADV_WILLNEED));
  SHOW_ERRNO(posix_fadvise(fd, 0, 10, POSIX_FADV_DONTNEED));
  SHOW_ERRNO(posix_fadvise(fd, 0, 10, POSIX_FADV_NOREUSE));
  SHOW_ERRNO(posix_fadvise(fd, 0, 10, 9));
  SHOW(fsync(fd));
  SHOW(fdatasync(fd));
}

static void beyond_4_gib(void) {
  int fd = open("sparse", O_RDWR | O_CREAT, 0666);
  SHOW(pwrite(fd, "far", 3, 5368709120));
  SHOW(size_of(fd));
  SHOW(lseek(fd, -3, SEEK_END));
  SHOW_TEXT(read(fd, buffer, 9));
  SHOW(ftruncate(fd, 6442450944));
  SHOW(size_of(fd));
  SHOW(unlink("sparse"));
}

static void flags(void) {
  static const int each[] = {O_APPEND, O_DSYNC, O_RSYNC, O_SYNC, O_NONBLOCK};
  for (int i = 0; i < 5; i++) {
    int fd = open("flagged", O_RDWR | O_CREAT | each[i], 0666), flags = fcntl(fd, F_GETFL);
    printf("%d %s\n", i, fd != -1 && flags & each[i] ? "kept" : "lost");
    printf("%d %s\n", i, (flags & O_ACCMODE) == O_RDWR ? "read and write" : "not read and write");
    SHOW(write(fd, "x", 1));
    SHOW(close(fd));
  }
  int fd = open("flagged", O_RDONLY);
  SHOW_BOOL((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
  SHOW(fcntl(fd, F_GETFL) & (O_APPEND | O_DSYNC | O_RSYNC | O_SYNC | O_NONBLOCK));
  fd = open("flagged", O_WRONLY);
  SHOW_BOOL((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY);
}

static void unlinked(void) {
  struct stat st;
  put_file("gone", "still here");
  int fd = open("gone", O_RDWR);
  SHOW(unlink("gone"));
  SHOW(stat("gone", &st));
  SHOW(unlink("gone"));
  SHOW(fstat(fd, &st));
  SHOW(st.st_nlink);
  SHOW(st.st_size);
  SHOW_TEXT(read(fd, buffer, sizeof buffer));
  SHOW(write(fd, "!", 1));
  SHOW_TEXT(pread(fd, buffer, sizeof buffer, 0));
  put_file("gone", "another");
  SHOW_TEXT(pread(fd, buffer, sizeof buffer, 0));
  SHOW(close(fd));
}

static void numbers(void) {
  int a, b, c;
  SHOW(a = open("x", O_RDWR | O_CREAT, 0666));
  SHOW(b = open("x", O_RDWR));
  SHOW(c = open("x", O_RDWR));
  SHOW(close(b));
  SHOW(close(b));
  SHOW(open("x", O_RDWR));
  SHOW(write(a, "from a", 6));
  SHOW(__wasilibc_fd_renumber(a, c));
  SHOW(write(a, "x", 1));
  SHOW(write(c, ", on", 4));
  SHOW(lseek(c, 0, SEEK_CUR));
  SHOW(open("x", O_RDWR));
  SHOW(__wasilibc_fd_renumber(c, c));
  SHOW(__wasilibc_fd_renumber(c, 1000));
  show_file("x");
}

// The buffered functions of <stdio.h>.
static void streams(void) {
  FILE *f = fopen("lines", "w+");
  fprintf(f, "%s %d\n%c%s\n", "first", 1, 's', "econd 2");
  SHOW(fflush(f));
  SHOW(fseek(f, 0, SEEK_SET));
  printf("%s", fgets(buffer, sizeof buffer, f));
  SHOW(ftell(f));
  SHOW_BOOL(ungetc('!', f) == '!');
  printf("%s", fgets(buffer, sizeof buffer, f));
  SHOW_BOOL(fgetc(f) == EOF);
  SHOW_BOOL(feof(f));
  SHOW(fclose(f));
  SHOW_BOOL(f = fopen("lines", "a"));
  SHOW_BOOL(fputs("third", f) >= 0);
  SHOW(fclose(f));
  show_file("lines");
  SHOW_BOOL(fopen("lines", "wx"));
  SHOW_BOOL(fopen("missing", "r"));
  SHOW_BOOL(errno == ENOENT);
  SHOW(access("lines", F_OK));
  SHOW(access("lines", R_OK | W_OK));
  SHOW(access("missing", F_OK));
  SHOW(truncate("lines", 5));
  SHOW(remove("lines"));
}

int main(int argc, char **argv) {
  return run_scenario((struct scenario[]){
    {"modes", modes}, {"append", append}, {"seek", seek}, {"vectors", vectors},
    {"many vectors", many_vectors}, {"sizes", sizes}, {"beyond 4 GiB", beyond_4_gib},
    {"unlinked", unlinked}, {"flags", flags}, {"numbers", numbers}, {"streams", streams}, {0},
  }, argc, argv);
}
