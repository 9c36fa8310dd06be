// words [FROM [TO]]: counts words, from a file or standard input, to a file or standard output.
#include <ctype.h>
#include <stdio.h>

int main(int argc, char **argv) {
  if (argc > 1 && !freopen(argv[1], "r", stdin)) return perror(argv[1]), 1;
  if (argc > 2 && !freopen(argv[2], "w", stdout)) return perror(argv[2]), 1;
  int words = 0, in_word = 0;
  for (int c; (c = getchar()) != EOF;) {
    if (!isspace(c) && !in_word) words++;
    in_word = !isspace(c);
  }
  printf("%d words\n", words);
  return 0;
}
