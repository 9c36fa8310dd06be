// Copies stdin to stdout, and prints the number of bytes to stderr.
#include <stdio.h>
#include <unistd.h>

static char buffer[65536];

int main(void) {
  long long copied = 0;
  for (ssize_t len; (len = read(0, buffer, sizeof buffer)) != 0; copied += len) {
    if (len < 0) return 1;
    for (ssize_t done = 0, more; done < len; done += more)
      if ((more = write(1, buffer + done, len - done)) < 0) return 1;
  }
  fprintf(stderr, "%lld bytes\n", copied);
  return 0;
}
