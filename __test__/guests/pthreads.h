// The part of POSIX threads that threads.c needs, on wasi-threads. The compiler's libc has only stubs, and its
// pthread_create() fails with EAGAIN. Only the main thread may create threads and allocate memory.
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

enum { STACK = 32 << 10, FOREVER = -1 };

// The start data of a thread. The assembly below relies on `stack` as the first member.
struct start {
  char *stack;
  char *tls;
  void *(*run)(void *);
  void *arg;
  void *result;
  atomic_int ended;
};

__attribute__((import_module("wasi"), import_name("thread-spawn"))) int wasi_thread_spawn(struct start *);
void __wasm_init_tls(void *);

// A separate function, because V8 in Node 20 loses local variables that are live across the instruction.
__attribute__((noinline)) static void wait_while(atomic_int *word, int value) {
  __builtin_wasm_memory_atomic_wait32((int *)word, value, FOREVER);
  __asm__ volatile("" ::: "memory"); // Other threads may have written.
}

static void wake(atomic_int *word, unsigned count) {
  __builtin_wasm_memory_atomic_notify((int *)word, count);
}

// Each thread has its own instance with its own stack pointer. C code cannot set the stack pointer.
__asm__(".globaltype __stack_pointer, i32\n"
        ".functype begin (i32) -> ()\n"
        ".globl wasi_thread_start\n"
        ".type wasi_thread_start,@function\n"
        ".export_name wasi_thread_start, wasi_thread_start\n"
        "wasi_thread_start:\n"
        "  .functype wasi_thread_start (i32, i32) -> ()\n"
        "  local.get 1\n"
        "  i32.load 0\n"
        "  global.set __stack_pointer\n"
        "  local.get 1\n"
        "  call begin\n"
        "  end_function\n");

__attribute__((used)) void begin(struct start *start) {
  __wasm_init_tls(start->tls);
  start->result = start->run(start->arg);
  atomic_store(&start->ended, 1);
  wake(&start->ended, 1);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg) {
  (void)attributes;
  struct start *start = calloc(1, sizeof *start);
  char *stack = aligned_alloc(16, STACK);
  start->tls = aligned_alloc(__builtin_wasm_tls_align(), __builtin_wasm_tls_size());
  start->stack = stack + STACK;
  start->run = run;
  start->arg = arg;
  *thread = (pthread_t)start;
  int tid = wasi_thread_spawn(start);
  return tid < 0 ? -tid : 0;
}

int pthread_join(pthread_t thread, void **result) {
  struct start *start = (struct start *)thread;
  while (!atomic_load(&start->ended)) wait_while(&start->ended, 0);
  *result = start->result;
  return 0;
}

// 0: unlocked, 1: locked, 2: locked with waiting threads.
static atomic_int *word_of(pthread_mutex_t *mutex) {
  return (atomic_int *)mutex;
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
  int expected = 0;
  if (atomic_compare_exchange_strong(word_of(mutex), &expected, 1)) return 0;
  while (atomic_exchange(word_of(mutex), 2)) wait_while(word_of(mutex), 2);
  return 0;
}

int pthread_mutex_unlock(pthread_mutex_t *mutex) {
  if (atomic_exchange(word_of(mutex), 0) == 2) wake(word_of(mutex), 1);
  return 0;
}

// The number of broadcasts. Waiting threads detect a change.
static atomic_int *count_of(pthread_cond_t *condition) {
  return (atomic_int *)condition;
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
  int count = atomic_load(count_of(condition));
  pthread_mutex_unlock(mutex);
  wait_while(count_of(condition), count);
  return pthread_mutex_lock(mutex);
}

int pthread_cond_broadcast(pthread_cond_t *condition) {
  atomic_fetch_add(count_of(condition), 1);
  wake(count_of(condition), -1);
  return 0;
}
