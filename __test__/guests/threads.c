// Threads that use files and wait for each other.
#include "guest.h"
#include "pthreads.h"
#include <time.h>

enum { THREADS = 4, ROUNDS = 25 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int arrived, turn, counter;

static void name_of(int thread, char name[16]) {
  snprintf(name, 16, "thread-%d", thread);
}

static void run_threads(int *results, void *(*run)(void *)) {
  pthread_t threads[THREADS];
  for (intptr_t i = 0; i < THREADS; i++) {
    int error = pthread_create(&threads[i], NULL, run, (void *)i);
    if (error) show_errno("pthread_create", error);
  }
  for (int i = 0; i < THREADS; i++) {
    void *result;
    pthread_join(threads[i], &result);
    results[i] = (int)(intptr_t)result;
  }
}

// Repeatedly opens, appends to and closes a file of the thread. Returns the errno of a failure.
static void *append(void *thread) {
  char name[16];
  name_of((intptr_t)thread, name);
  for (int round = 0; round < ROUNDS; round++) {
    int fd = open(name, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (fd == -1 || write(fd, "line\n", 5) != 5 || close(fd)) return (void *)(intptr_t)errno;
  }
  return NULL;
}

static void files(void) {
  int results[THREADS];
  run_threads(results, append);
  for (int i = 0; i < THREADS; i++) {
    char name[16];
    struct stat st;
    name_of(i, name);
    show_errno(name, results[i]);
    SHOW(stat(name, &st) ? -1 : st.st_size);
  }
}

// Waits until all threads have started, then for its turn: the last thread goes first.
static void *take_turns(void *thread) {
  pthread_mutex_lock(&mutex);
  arrived++;
  pthread_cond_broadcast(&changed);
  while (arrived < THREADS || turn != THREADS - 1 - (intptr_t)thread) pthread_cond_wait(&changed, &mutex);
  int fd = open("turns", O_WRONLY | O_CREAT | O_APPEND, 0666);
  char text[] = {'0' + (intptr_t)thread, '\n'};
  ssize_t written = write(fd, text, 2);
  close(fd);
  turn++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
  return (void *)(intptr_t)written;
}

static void condition(void) {
  int results[THREADS];
  run_threads(results, take_turns);
  for (int i = 0; i < THREADS; i++) printf("%d", results[i]);
  puts("");
  show_file("turns");
}

static bool sleeps(useconds_t time) {
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  usleep(time);
  clock_gettime(CLOCK_MONOTONIC, &to);
  return (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec >= time * 1000LL;
}

// Checks that errno and sleeps are separate for each thread.
static void *fail(void *thread) {
  bool odd = (intptr_t)thread % 2;
  for (int round = 0; round < ROUNDS; round++) {
    int fd = odd ? open("nothing", O_RDONLY) : open(".", O_WRONLY);
    if (!sleeps(200) || fd != -1 || errno != (odd ? ENOENT : EISDIR)) return (void *)1;
    pthread_mutex_lock(&mutex);
    counter++;
    pthread_mutex_unlock(&mutex);
  }
  return NULL;
}

static void errors(void) {
  int results[THREADS];
  run_threads(results, fail);
  for (int i = 0; i < THREADS; i++) printf("%d", results[i]);
  printf("\n%d\n", counter);
}

// Waits forever, while the main thread ends the program.
static void *wait_forever(void *thread) {
  (void)thread;
  pthread_mutex_lock(&mutex);
  arrived++;
  pthread_cond_broadcast(&changed);
  for (;;) pthread_cond_wait(&changed, &mutex);
}

static void ends(void) {
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, wait_forever, NULL);
  pthread_mutex_lock(&mutex);
  while (arrived < THREADS) pthread_cond_wait(&changed, &mutex);
  exit(7);
}

int main(int argc, char **argv) {
  return run_scenario((struct scenario[]){
    {"files", files}, {"condition", condition}, {"errors", errors}, {"ends", ends}, {0},
  }, argc, argv);
}
