// Copies standard input to standard output in upper case.
#include <ctype.h>
#include <unistd.h>

static char buffer[65536];

int main(void) {
  for (ssize_t length; (length = read(0, buffer, sizeof buffer)) > 0;) {
    for (ssize_t i = 0; i < length; i++) buffer[i] = toupper(buffer[i]);
    for (ssize_t done = 0, written; done < length; done += written)
      if ((written = write(1, buffer + done, length - done)) < 0) return 1;
  }
  return 0;
}
