// Uses many options at once: copies stdin to a file, tries to change a directory, prints time and random bytes, and
// answers a client.
#include "guest.h"
#include <sys/socket.h>
#include <time.h>

static char buffer[65536];

static void copy_input(void) {
  int fd = open("/work/copy", O_WRONLY | O_CREAT | O_TRUNC, 0666);
  long long copied = 0;
  for (ssize_t n; (n = read(0, buffer, sizeof buffer)) > 0;)
    for (ssize_t done = 0, more; done < n; done += more, copied += more)
      if ((more = write(fd, buffer + done, n - done)) == -1) {
        fprintf(stderr, "after %lld bytes: %s\n", copied, errno_name(errno));
        close(fd);
        return;
      }
  fprintf(stderr, "%lld bytes\n", copied);
  close(fd);
}

// Sends the client's text back in capitals.
static void answer(void) {
  int fd = accept(3, NULL, NULL);
  ssize_t n = recv(fd, buffer, sizeof buffer, 0);
  for (ssize_t i = 0; i < n; i++) buffer[i] &= 0xdf;
  SHOW(send(fd, buffer, n, 0));
  close(fd);
}

int main(void) {
  show_file("/library/words");
  SHOW(mkdir("/library/new", 0777));
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  printf("realtime: %lld.%09ld\n", (long long)now.tv_sec, now.tv_nsec);
  unsigned char bytes[8];
  getentropy(bytes, sizeof bytes);
  printf("random: ");
  for (size_t i = 0; i < sizeof bytes; i++) printf("%02x", bytes[i]);
  putchar('\n');
  if (getenv("LISTEN_FDS")) answer();
  copy_input();
  puts("done");
  return 7;
}
