// All ways to end a program.
#include "guest.h"

static void at_exit(void) { puts("at exit"); }

#pragma clang diagnostic ignored "-Winfinite-recursion"
static int deeper(volatile int n) {
  volatile char frame[512];
  frame[0] = (char)n;
  return deeper(n + 1) + frame[0];
}

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "return";
  int code = argc > 2 ? atoi(argv[2]) : 0;
  atexit(at_exit);
  printf("%s %d\n", how, code);
  if (!strcmp(how, "exit")) exit(code);
  if (!strcmp(how, "_Exit")) _Exit(code);
  fflush(stdout);
  if (!strcmp(how, "abort")) abort();
  if (!strcmp(how, "trap")) __builtin_trap();
  if (!strcmp(how, "recursion")) return deeper(0);
  if (!strcmp(how, "out-of-bounds load")) return *(volatile int *)0xfffffff0;
  return code;
}
