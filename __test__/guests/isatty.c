// Which of the three standard descriptors are terminals. stdout may be the one asked about, so all
// answers go to it at once and nothing else does.
#include "guest.h"

int main(void) {
  for (int fd = 0; fd < 4; fd++) {
    errno = 0;
    int yes = isatty(fd);
    printf("%d %s\n", fd, yes ? "terminal" : errno_name(errno));
  }
}
