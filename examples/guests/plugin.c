// A plugin that greets, or misbehaves: plugin greet|wait|loop|hoard|flood|spy|crash.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "greet";
  printf("Hello from a plugin\n");
  fflush(stdout);
  if (!strcmp(mode, "wait")) sleep(3600);
  if (!strcmp(mode, "loop")) for (volatile int i = 0;; i++) {}
  if (!strcmp(mode, "hoard")) {
    for (char *volatile block; (block = malloc(1 << 20));) memset(block, 1, 1 << 20);
    return perror("malloc"), 1;
  }
  if (!strcmp(mode, "flood")) {
    while (puts("More, more, more") >= 0) {}
    return perror("puts"), 1;
  }
  if (!strcmp(mode, "spy") && !fopen("/etc/passwd", "r")) return perror("/etc/passwd"), 1;
  if (!strcmp(mode, "crash")) __builtin_trap();
  return 0;
}
