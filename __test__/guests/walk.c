// walk FOLDER: reads the attributes of everything below a folder, and prints the number of files and their total size.
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static long long files, bytes;

static int walk(const char *folder) {
  DIR *dir = opendir(folder);
  if (dir == NULL) return 1;
  char path[1024];
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    struct stat stat;
    if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path) return 1;
    if (lstat(path, &stat) != 0) return 1;
    if (S_ISDIR(stat.st_mode) && walk(path) != 0) return 1;
    if (S_ISREG(stat.st_mode)) files++, bytes += stat.st_size;
  }
  return closedir(dir);
}

int main(int argc, char **argv) {
  if (argc != 2 || walk(argv[1]) != 0) return 1;
  printf("%lld files, %lld bytes\n", files, bytes);
  return 0;
}
