// Symlinks and hard links: create, read, follow, loops, dangling symlinks, and symlinks to the outside.
#include "guest.h"
#include <dirent.h>

static char buffer[256];

static const char *kind(struct stat *st) {
  return S_ISLNK(st->st_mode) ? "link" : S_ISREG(st->st_mode) ? "file" : S_ISDIR(st->st_mode) ? "directory" : "other";
}

static void show_lstat(const char *path) {
  struct stat st;
  if (lstat(path, &st)) show(path, -1);
  else printf("%s: %s\n", path, kind(&st));
}

static void show_stat(const char *path) {
  struct stat st;
  if (stat(path, &st)) show(path, -1);
  else printf("%s -> %s\n", path, kind(&st));
}

static void symbolic(void) {
  struct stat st;
  put_file("target.txt", "the text");
  mkdir("sub", 0777);
  SHOW(symlink("target.txt", "link"));
  SHOW(symlink("target.txt", "link"));
  SHOW(symlink("x", "missing/link"));
  show_lstat("link");
  show_stat("link");
  lstat("link", &st);
  SHOW(st.st_size);
  show_file("link");
  SHOW_TEXT(readlink("link", buffer, sizeof buffer));
  SHOW(readlink("target.txt", buffer, sizeof buffer));
  SHOW(readlink("missing", buffer, sizeof buffer));
  SHOW(symlink("../target.txt", "sub/up"));
  show_file("sub/up");
  SHOW(symlink("sub", "dir"));
  show_file("dir/up");
  show_lstat("dir");
  show_lstat("dir/");
  SHOW_BOOL(opendir("dir"));
  SHOW(rmdir("dir"));
  SHOW(mkdir("dir", 0777));
  SHOW(symlink("sub/../target.txt", "roundabout"));
  show_file("roundabout");
  put_file("link", "written");
  show_file("target.txt");
  SHOW(rename("link", "sub/moved"));
  show_lstat("sub/moved");
  show_stat("sub/moved");
  SHOW(unlink("sub/up"));
  show_lstat("target.txt");
}

static void short_buffers(void) {
  symlink("0123456789", "link");
  for (int size = 1; size <= 12; size += 3) {
    memset(buffer, '#', sizeof buffer);
    ssize_t n = readlink("link", buffer, size);
    printf("%d: %d \"%.12s\"\n", size, (int)n, buffer);
  }
}

static void no_follow(void) {
  put_file("file", "text");
  mkdir("sub", 0777);
  symlink("file", "link");
  symlink("sub", "dir");
  put_file("sub/inner", "inside");
  SHOW(open("link", O_RDONLY | O_NOFOLLOW));
  SHOW(open("link", O_WRONLY | O_CREAT | O_NOFOLLOW, 0666));
  SHOW_BOOL(open("dir", O_RDONLY | O_DIRECTORY | O_NOFOLLOW) == -1);
  SHOW(open("file", O_RDONLY | O_NOFOLLOW));
  SHOW(open("dir/inner", O_RDONLY | O_NOFOLLOW));
  SHOW(open("link", O_RDONLY));
}

static void loops(void) {
  char name[16], target[16];
  symlink("b", "a");
  symlink("a", "b");
  symlink("self", "self");
  SHOW(open("a", O_RDONLY));
  SHOW(open("self/x", O_RDONLY));
  show_stat("a");
  show_lstat("a");
  SHOW(mkdir("a/x", 0777));
  SHOW(unlink("a"));
  put_file("0", "the end");
  for (int i = 1; i <= 60; i++) {
    snprintf(name, sizeof name, "%d", i);
    snprintf(target, sizeof target, "%d", i - 1);
    symlink(target, name);
  }
  show_file("10");
  show_file("30");
  SHOW(open("60", O_RDONLY));
}

static void dangling(void) {
  symlink("nothing", "link");
  show_lstat("link");
  show_stat("link");
  SHOW(open("link", O_RDONLY));
  SHOW(access("link", F_OK));
  SHOW(open("link", O_WRONLY | O_CREAT | O_EXCL, 0666));
  SHOW(mkdir("link", 0777));
  put_file("link", "made through the link");
  show_file("nothing");
  SHOW(unlink("nothing"));
  SHOW(unlink("link"));
  show_lstat("link");
}

static void hard(void) {
  struct stat a, b;
  put_file("a", "shared");
  mkdir("sub", 0777);
  SHOW(link("a", "b"));
  SHOW(link("a", "b"));
  SHOW(link("a", "sub/c"));
  stat("a", &a);
  stat("b", &b);
  SHOW(a.st_nlink);
  SHOW_BOOL(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
  put_file("b", "changed");
  show_file("a");
  SHOW(unlink("a"));
  show_file("sub/c");
  SHOW(link("sub", "dir"));
  SHOW(link("missing", "x"));
  SHOW(link("b", "missing/x"));
  symlink("b", "link");
  SHOW(link("link", "second"));
  show_lstat("second");
  SHOW_TEXT(readlink("second", buffer, sizeof buffer));
}

// The host created these symlinks: `out` -> ../outside/secret, `outdir` -> ../outside, `absolute` and
// `absolutedir` -> the same targets by absolute path, sub/`up` -> ../.. and `back` -> ../box/inside.
static void escapes(void) {
  static const char *const files[] = {
    "out", "absolute", "outdir/secret", "absolutedir/secret", "sub/up/outside/secret", "back", "outdir/new",
  };
  struct stat st;
  int refused = 0, tried = 0;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
#define REFUSED(call) do { \
    tried++; errno = 0; \
    if ((call) == -1 && errno == ENOTCAPABLE) refused++; else printf("%s: %s gave %s\n", files[i], #call, errno_name(errno)); \
  } while (0)
    REFUSED(open(files[i], O_RDONLY));
    REFUSED(open(files[i], O_WRONLY | O_CREAT, 0666));
    REFUSED(open(files[i], O_RDWR | O_TRUNC));
    REFUSED(stat(files[i], &st));
    REFUSED(utimensat(AT_FDCWD, files[i], NULL, 0));
    if (!strchr(files[i], '/')) continue;
    REFUSED(lstat(files[i], &st));
    REFUSED(unlink(files[i]));
    REFUSED(rmdir(files[i]));
    REFUSED(mkdir(files[i], 0777));
    REFUSED(readlink(files[i], buffer, sizeof buffer));
    REFUSED(link("inside", files[i]));
    REFUSED(link(files[i], "stolen"));
    REFUSED(symlink("inside", files[i]));
    REFUSED(rename("inside", files[i]));
    REFUSED(rename(files[i], "stolen"));
  }
  SHOW_BOOL(refused == tried);
  SHOW(open("outdir", O_RDONLY | O_DIRECTORY));
  SHOW(open("sub/up", O_RDONLY | O_DIRECTORY));
  show_lstat("out");
  show_lstat("absolute");
  SHOW_TEXT(readlink("out", buffer, sizeof buffer));
  SHOW(unlink("out"));
  show_lstat("out");
  show_file("inside");
}

// libc removes a leading slash, so these calls bypass libc.
static void absolute(void) {
  __wasi_fd_t fd;
  put_file("inside", "within");
  SHOW_ERRNO(__wasi_path_open(3, 1, "/etc/passwd", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
  SHOW_ERRNO(__wasi_path_open(3, 1, "/inside", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
  SHOW_ERRNO(__wasi_path_open(3, 1, "//inside", 0, __WASI_RIGHTS_FD_READ, 0, 0, &fd));
  SHOW_ERRNO(__wasi_path_create_directory(3, "/made"));
  SHOW_ERRNO(__wasi_path_unlink_file(3, "/inside"));
  SHOW(symlink("/etc/passwd", "link"));
  SHOW(symlink("/inside", "link"));
  SHOW(symlink("../../etc/passwd", "link"));
  SHOW_TEXT(readlink("link", buffer, sizeof buffer));
  SHOW(open("link", O_RDONLY));
}

int main(int argc, char **argv) {
  return run_scenario((struct scenario[]){
    {"symbolic", symbolic}, {"short buffers", short_buffers}, {"no follow", no_follow}, {"loops", loops},
    {"dangling", dangling}, {"hard", hard}, {"escapes", escapes}, {"absolute", absolute}, {0},
  }, argc, argv);
}
