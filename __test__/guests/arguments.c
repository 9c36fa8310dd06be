// Prints arguments and environment. Angle brackets make empty strings visible.
#include "guest.h"

int main(int argc, char **argv) {
  extern char **environ;
  if (argc > 1 && !strcmp(argv[1], "count")) {
    size_t bytes = 0, count = 0;
    for (int i = 0; i < argc; i++) bytes += strlen(argv[i]);
    for (char **e = environ; *e; e++, count++) bytes += strlen(*e);
    printf("%d arguments, %zu variables, %zu bytes, last <%s>\n", argc, count, bytes, argv[argc - 1]);
    return 0;
  }
  for (int i = 0; i < argc; i++) printf("<%s>\n", argv[i]);
  SHOW_BOOL(argv[argc] == NULL);
  for (char **e = environ; *e; e++) printf("<%s>\n", *e);
  const char *value = getenv("EMPTY");
  if (value) printf("EMPTY is <%s>\n", value);
  SHOW_BOOL(getenv("UNSET"));
}
