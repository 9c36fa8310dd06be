// __wasi_fd_readdir without libc's buffering: small buffers, and resuming from any cookie.
#include "guest.h"

enum { most = 4000, longest = 80 };
static uint8_t buffer[1 << 16];
static char names[most][longest];
static uint64_t next[most];
static int count;

struct listing { int fd; size_t size, used, at; uint64_t cookie; int calls, broken; bool ended; };

// Returns the next name, or NULL at the end. Reads an entry again that the buffer truncated.
static const char *entry(struct listing *l, uint64_t *cookie) {
  static char name[longest];
  for (;;) {
    __wasi_dirent_t e;
    size_t left = l->used - l->at;
    if (left >= sizeof e) memcpy(&e, buffer + l->at, sizeof e);
    if (left >= sizeof e && left - sizeof e >= e.d_namlen && e.d_namlen < longest) {
      memcpy(name, buffer + l->at + sizeof e, e.d_namlen);
      name[e.d_namlen] = 0;
      l->at += sizeof e + e.d_namlen;
      *cookie = l->cookie = e.d_next;
      return name;
    }
    if (l->ended) {
      l->broken += left != 0; // the last call must not truncate an entry
      return NULL;
    }
    if (l->calls && l->used == l->size && l->at == 0) {
      l->broken++; // the buffer is too small for one entry
      return NULL;
    }
    if (__wasi_fd_readdir(l->fd, buffer, l->size, l->cookie, &l->used)) {
      l->broken++;
      return NULL;
    }
    l->calls++;
    l->at = 0;
    l->ended = l->used < l->size;
  }
}

static void read_all(int fd, size_t size) {
  struct listing l = {.fd = fd, .size = size};
  const char *name;
  for (count = 0; count < most && (name = entry(&l, &next[count])); count++) strcpy(names[count], name);
  if (l.broken) printf("broken: %d\n", l.broken);
}

// Lists after entry `from` (-1: from the start). Returns the number of differences from the first listing.
static int differing(int fd, size_t size, int from, int entries) {
  struct listing l = {.fd = fd, .size = size, .cookie = from < 0 ? 0 : next[from]};
  const char *name;
  uint64_t cookie;
  int wrong = 0, i = from + 1;
  for (; entries-- && (name = entry(&l, &cookie)); i++)
    wrong += i >= count || strcmp(name, names[i]) || cookie != next[i];
  if (entries >= 0) wrong += i != count;
  return wrong + l.broken;
}

int main(int argc, char **argv) {
  const char *scenario = argc > 1 ? argv[1] : "";
  int fd = open("many", O_RDONLY | O_DIRECTORY);
  if (fd == -1) return show("open", -1), 1;
  if (!strcmp(scenario, "names")) {
    read_all(fd, strtoul(argv[2], 0, 10));
    for (int i = 0; i < count; i++) puts(names[i]);
  } else if (!strcmp(scenario, "resume")) {
    read_all(fd, 4096);
    int far = 0, near = 0, other = 0;
    for (int i = count - 1; i >= -1; i -= 151) far += differing(fd, 1000, i, most);
    // Each next position is far from the end of the last listing.
    for (int k = 0; k < count; k++) near += differing(fd, 300, k * 1237 % count, 3);
    for (int i = -1; i < count; i += 499) other += differing(fd, 100, i, 40);
    printf("listed: %d\nto the end from some: %d\nthree from each: %d\nsmall: %d\n", count, far, near, other);
  } else if (!strcmp(scenario, "two descriptors")) {
    // Two descriptors of one directory have separate positions.
    int second = open("many", O_RDONLY | O_DIRECTORY), wrong = 0;
    read_all(fd, 4096);
    struct listing a = {.fd = fd, .size = 128}, b = {.fd = second, .size = 128};
    uint64_t cookie;
    for (int i = 0; i < 100; i++) {
      const char *name = entry(&a, &cookie);
      wrong += !name || strcmp(name, names[i]);
      a.used = a.at = 0; // the buffer is shared, so each entry is read again
      name = entry(&b, &cookie);
      wrong += !name || strcmp(name, names[i]);
      b.used = b.at = 0;
    }
    printf("listed: %d\nwrong: %d\n", count, wrong);
  } else {
    size_t used = 99;
    SHOW_ERRNO(__wasi_fd_readdir(fd, buffer, 0, 0, &used));
    SHOW(used);
    SHOW_ERRNO(__wasi_fd_readdir(fd, buffer, 10, 0, &used));
    SHOW(used);
    SHOW_ERRNO(__wasi_fd_readdir(fd, buffer, 24, 0, &used));
    SHOW(used);
    int file = open("file", O_RDONLY | O_CREAT, 0666);
    SHOW_ERRNO(__wasi_fd_readdir(99, buffer, 100, 0, &used));
    SHOW_BOOL(__wasi_fd_readdir(file, buffer, 100, 0, &used) != 0);
  }
}
