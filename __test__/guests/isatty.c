// Prints which of the descriptors 0 to 3 are terminals. Prints nothing else, because stdout may be a terminal.
#include "guest.h"

int main(void) {
  for (int fd = 0; fd < 4; fd++) {
    errno = 0;
    int terminal = isatty(fd);
    printf("%d %s\n", fd, terminal ? "terminal" : errno_name(errno));
  }
}
