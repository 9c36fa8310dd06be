// Directories: create, list, seek in a listing, rename, and use paths relative to a descriptor.
#include "guest.h"
#include <dirent.h>

static char buffer[256];

static void tree(void) {
  struct stat st;
  SHOW(mkdir("a", 0777));
  SHOW(mkdir("a", 0777));
  SHOW(mkdir("a/b/c", 0777));
  SHOW(mkdir("a/b", 0777));
  SHOW(mkdir("a/b/c/", 0777));
  SHOW(stat("a/b/c", &st));
  SHOW_BOOL(S_ISDIR(st.st_mode));
  SHOW(stat("a/b/c/", &st));
  put_file("a/b/c/file", "deep");
  SHOW(mkdir("a/b/c/file", 0777));
  SHOW(mkdir("a/b/c/file/d", 0777));
  SHOW(rmdir("a/b/c"));
  SHOW(rmdir("a/b/c/file"));
  SHOW(unlink("a/b/c/file"));
  SHOW(unlink("a/b/c"));
  SHOW(rmdir("a/b/c"));
  SHOW(rmdir("a/b/c"));
  SHOW(rmdir("a/b/"));
  SHOW(remove("a"));
  SHOW_BOOL(rmdir(".") == -1);
}

static const char *type_name(int type) {
  return type == DT_DIR ? "directory" : type == DT_REG ? "file" : type == DT_LNK ? "link" : "other";
}

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static void list(const char *path) {
  struct dirent **entries;
  int count = scandir(path, &entries, NULL, by_name);
  for (int i = 0; i < count; i++) printf("%s %s\n", type_name(entries[i]->d_type), entries[i]->d_name);
}

static void entries(void) {
  mkdir("sub", 0777);
  mkdir("sub/inner", 0777);
  put_file("sub/file", "");
  put_file("sub/été 日本", "");
  symlink("file", "sub/link");
  list("sub");
  mkdir("empty", 0777);
  list("empty");
  SHOW_BOOL(opendir("missing"));
  SHOW_BOOL(errno == ENOENT);
  SHOW_BOOL(opendir("sub/file"));
  SHOW_BOOL(errno == ENOTDIR);
}

// Returns the inode of `name` in the listing of `path`.
static ino_t listed(const char *path, const char *name) {
  DIR *dir = opendir(path);
  ino_t found = 0;
  for (struct dirent *e; (e = readdir(dir));) if (!strcmp(e->d_name, name)) found = e->d_ino;
  closedir(dir);
  return found;
}

static ino_t inode(const char *path) {
  struct stat st;
  return lstat(path, &st) ? 0 : st.st_ino;
}

static void inodes(void) {
  mkdir("sub", 0777);
  put_file("sub/file", "");
  symlink("file", "sub/link");
  SHOW_BOOL(inode("sub/file") != 0);
  SHOW_BOOL(listed("sub", "file") == inode("sub/file"));
  SHOW_BOOL(listed("sub", "link") == inode("sub/link"));
  SHOW_BOOL(listed("sub", ".") == inode("sub"));
  SHOW_BOOL(listed("sub", "..") != 0);
  SHOW_BOOL(listed(".", ".") == inode("."));
  SHOW_BOOL(listed(".", "..") == inode("."));
}

static void positions(void) {
  enum { most = 64 };
  static char names[most][32];
  static long at[most];
  mkdir("many", 0777);
  for (int i = 0; i < 40; i++) {
    snprintf(buffer, sizeof buffer, "many/entry-%d", i);
    put_file(buffer, "");
  }
  DIR *dir = opendir("many");
  struct dirent *e;
  int count = 0, wrong = 0;
  for (at[0] = telldir(dir); count < most - 1 && (e = readdir(dir)); at[++count] = telldir(dir))
    snprintf(names[count], sizeof names[count], "%s", e->d_name);
  SHOW(count);
  for (int i = count - 1; i >= 0; i--) {
    seekdir(dir, at[i]);
    for (int k = i; k < count; k++) wrong += !(e = readdir(dir)) || strcmp(e->d_name, names[k]);
    wrong += readdir(dir) != NULL;
  }
  SHOW(wrong);
  put_file("many/added", "");
  rewinddir(dir);
  for (count = 0; readdir(dir);) count++;
  SHOW(count);
  SHOW(closedir(dir));
}

// Removes each entry right after reading the entry, as `rm -r` does.
static void removed_while_read(void) {
  mkdir("many", 0777);
  for (int i = 0; i < 400; i++) {
    snprintf(buffer, sizeof buffer, "many/an entry with a longer name %d", i);
    put_file(buffer, "");
  }
  DIR *dir = opendir("many");
  int removed = 0;
  for (struct dirent *e; (e = readdir(dir));)
    if (e->d_name[0] != '.') removed += !unlinkat(dirfd(dir), e->d_name, 0);
  SHOW(removed);
  SHOW(closedir(dir));
  SHOW(rmdir("many"));
}

static void renames(void) {
  put_file("a", "A");
  put_file("b", "B");
  mkdir("d", 0777);
  mkdir("e", 0777);
  SHOW(rename("a", "moved"));
  SHOW(rename("a", "moved"));
  show_file("moved");
  SHOW(rename("moved", "b"));
  show_file("b");
  SHOW(rename("b", "b"));
  SHOW(rename("b", "d"));
  SHOW(rename("d", "b"));
  SHOW(rename("b", "nowhere/b"));
  SHOW(rename("b", "d/b"));
  show_file("d/b");
  SHOW(rename("e", "d"));
  SHOW(rename("d", "d/inside"));
  SHOW(rename("d", "e"));
  show_file("e/b");
  SHOW(rename("e/b", "../b"));
}

static void relative(void) {
  struct stat st;
  mkdir("d", 0777);
  int d = open("d", O_RDONLY | O_DIRECTORY), fd;
  SHOW(fd = openat(d, "file", O_WRONLY | O_CREAT | O_EXCL, 0666));
  SHOW(write(fd, "text", 4));
  SHOW(mkdirat(d, "sub", 0777));
  SHOW(fstatat(d, "file", &st, 0));
  SHOW(st.st_size);
  SHOW(renameat(d, "file", d, "sub/file"));
  SHOW(rename("d", "elsewhere"));
  SHOW(mkdir("d", 0777));
  SHOW(faccessat(d, "sub/file", F_OK, 0));
  SHOW(linkat(d, "sub/file", d, "second", 0));
  SHOW(symlinkat("second", d, "link"));
  SHOW_TEXT(readlinkat(d, "link", buffer, sizeof buffer));
  DIR *dir = fdopendir(d);
  int count = 0;
  while (readdir(dir)) count++;
  SHOW(count);
  SHOW(unlinkat(d, "sub", 0));
  SHOW(unlinkat(d, "sub", AT_REMOVEDIR));
  SHOW(unlinkat(d, "sub/file", 0));
  SHOW(unlinkat(d, "sub", AT_REMOVEDIR));
  SHOW(openat(d, "../d", O_RDONLY));
  SHOW(closedir(dir));
  show_file("elsewhere/link");
}

static void dots(void) {
  struct stat st;
  mkdir("a", 0777);
  mkdir("a/b", 0777);
  put_file("file", "at the top");
  show_file("a/../file");
  show_file("a/b/../../file");
  show_file("./a/./b/.././../file");
  show_file("a//b///..//../file");
  SHOW(stat("missing/../file", &st));
  SHOW(stat("file/../file", &st));
  SHOW(stat("file/", &st));
  SHOW(stat("..", &st));
  SHOW(stat("../", &st));
  SHOW(stat("a/../../x", &st));
  SHOW(open("a/b/../../../x", O_WRONLY | O_CREAT, 0666));
  SHOW(mkdir("../x", 0777));
  SHOW(rmdir("../x"));
  SHOW(unlink("../x"));
  SHOW(link("file", "../x"));
  SHOW(symlink("file", "../x"));
  SHOW(rename("../x", "y"));
}

// Names are up to 255 bytes, except slash and NUL.
static void odd_names(void) {
  char longest[256];
  memset(longest, 'n', 255);
  longest[255] = 0;
  const char *const names[] = {longest, "\xff\xfe", "new\nline", " ", "...", "..a", "*?", "-", "a\\b", "\xc3"};
  int total = sizeof names / sizeof *names, made = 0, seen = 0, removed = 0;
  mkdir("odd", 0777);
  int d = open("odd", O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < total; i++) {
    int fd = openat(d, names[i], O_WRONLY | O_CREAT | O_EXCL, 0666);
    made += fd != -1 && !close(fd);
  }
  DIR *dir = opendir("odd");
  for (struct dirent *e; (e = readdir(dir));)
    for (int i = 0; i < total; i++) seen += !strcmp(e->d_name, names[i]) && e->d_type == DT_REG;
  for (int i = 0; i < total; i++) removed += !unlinkat(d, names[i], 0);
  SHOW(total);
  SHOW(made);
  SHOW(seen);
  SHOW(removed);
  SHOW(rmdir("odd"));
}

static void deep(void) {
  static char path[1201];
  struct stat st;
  int made = 0, removed = 0;
  for (int depth = 1; depth <= 300; depth++) {
    strcat(path, depth == 1 ? "dir" : "/dir");
    made += !mkdir(path, 0777);
  }
  SHOW(made);
  SHOW(stat(path, &st));
  for (; *path; path[strlen(path) > 3 ? strlen(path) - 4 : 0] = 0) removed += !rmdir(path);
  SHOW(removed);
}

static void two_preopens(void) {
  show_file("/one/file");
  show_file("/two/file");
  SHOW(rename("/one/file", "/two/moved"));
  show_file("/two/moved");
  SHOW(link("/two/moved", "/one/linked"));
  show_file("/one/linked");
  SHOW(open("/one/../two/file", O_RDONLY));
  SHOW(open("/three/file", O_RDONLY));
}

int main(int argc, char **argv) {
  return run_scenario((struct scenario[]){
    {"tree", tree}, {"entries", entries}, {"inodes", inodes}, {"positions", positions},
    {"removed while read", removed_while_read}, {"renames", renames}, {"relative", relative},
    {"dots", dots}, {"odd names", odd_names}, {"deep", deep}, {"two preopens", two_preopens}, {0},
  }, argc, argv);
}
