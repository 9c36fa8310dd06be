// copy FROM TO: copies a file through a buffer of 64 KiB, and prints the number of bytes.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char buffer[65536];

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int from = open(argv[1], O_RDONLY);
  int to = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (from < 0 || to < 0) return 1;
  long long copied = 0;
  for (ssize_t len; (len = read(from, buffer, sizeof buffer)) != 0; copied += len)
    if (len < 0 || write(to, buffer, len) != len) return 1;
  if (close(from) != 0 || close(to) != 0) return 1;
  printf("%lld\n", copied);
  return 0;
}
