// Random bytes, and their distribution.
#include "guest.h"

static unsigned char a[256], b[256], many[1 << 20];

int main(void) {
  SHOW(getentropy(a, 256));
  SHOW(getentropy(b, 256));
  SHOW_BOOL(memcmp(a, b, 256) != 0);
  SHOW(getentropy(a, 0));
  SHOW(getentropy(a, 257));
  SHOW_ERRNO(__wasi_random_get(many, sizeof many));
  // Each value occurs 4096 times on average, with a standard deviation of 64. Ten deviations do not occur.
  int counts[256] = {0}, odd = 0;
  for (size_t i = 0; i < sizeof many; i++) counts[many[i]]++;
  for (int i = 0; i < 256; i++) odd += abs(counts[i] - 4096) > 640;
  SHOW(odd);
  // Writes nothing beyond the requested length.
  memset(a, 7, sizeof a);
  SHOW_ERRNO(__wasi_random_get(a, 100));
  SHOW_BOOL(a[100] == 7 && a[101] == 7 && a[102] == 7 && a[255] == 7);
  SHOW_ERRNO(__wasi_random_get(a, 0));
}
