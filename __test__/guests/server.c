// Serves listening sockets that are passed as by systemd: LISTEN_FDS descriptors, from descriptor 3.
#include "guest.h"
#include <poll.h>
#include <sys/socket.h>

static char buffer[65536];

static void send_text(int fd, const char *text) {
  if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) show("write", -1);
}

// Answers HTTP requests until a request for /last.
static void http(void) {
  for (bool last = false; !last;) {
    int fd = accept(3, NULL, NULL);
    size_t used = 0;
    ssize_t n;
    while ((n = recv(fd, buffer + used, sizeof buffer - 1 - used, 0)) > 0) {
      buffer[used += n] = 0;
      if (strstr(buffer, "\r\n\r\n")) break;
    }
    char path[256] = "", answer[512], body[300];
    sscanf(buffer, "GET %255s", path);
    last = !strcmp(path, "/last");
    int length = snprintf(body, sizeof body, "you asked for %s", path);
    snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", length, body);
    send(fd, answer, strlen(answer), 0);
    close(fd);
  }
}

// Polls all sockets, sends each client the number of its socket, and ends after one client per socket.
static void several(void) {
  int count = atoi(getenv("LISTEN_FDS"));
  struct pollfd fds[8];
  for (int i = 0; i < count; i++) fds[i] = (struct pollfd){.fd = 3 + i, .events = POLLIN};
  printf("nobody yet: %d\n", poll(fds, count, 10));
  fflush(stdout);
  for (int served = 0; served < count;) {
    poll(fds, count, -1);
    for (int i = 0; i < count; i++) {
      if (!(fds[i].revents & POLLIN)) continue;
      int fd = accept(fds[i].fd, NULL, NULL);
      snprintf(buffer, sizeof buffer, "socket %d", i);
      send_text(fd, buffer);
      close(fd);
      served++;
    }
  }
}

// Reads until the client ends its side, then answers.
static void half_closed(void) {
  int fd = accept(3, NULL, NULL);
  size_t total = 0;
  ssize_t n;
  while ((n = read(fd, buffer, sizeof buffer)) > 0) total += n;
  snprintf(buffer, sizeof buffer, "%zu bytes", total);
  send_text(fd, buffer);
  SHOW(shutdown(fd, SHUT_WR));
  SHOW(send(fd, "x", 1, 0));
  SHOW(read(fd, buffer, 1));
  SHOW(close(fd));
}

// The client has closed the connection without sending data.
static void closed_peer(void) {
  int fd = accept(3, NULL, NULL);
  struct pollfd hang_up = {.fd = fd, .events = POLLIN};
  SHOW(poll(&hang_up, 1, -1));
  SHOW(read(fd, buffer, 1));
  while (write(fd, buffer, sizeof buffer) > 0) {}
  SHOW_BOOL(errno == EPIPE || errno == ECONNRESET);
  SHOW(read(fd, buffer, 1) <= 0);
}

// Reads, clears and sets O_NONBLOCK, and accepts a client in each state.
static void flags(void) {
  SHOW_BOOL(fcntl(3, F_GETFL) & O_NONBLOCK);
  SHOW(accept(3, NULL, NULL));
  SHOW(fcntl(3, F_SETFL, fcntl(3, F_GETFL) & ~O_NONBLOCK));
  fflush(stdout);
  int fd = accept(3, NULL, NULL);
  SHOW_BOOL(fcntl(fd, F_GETFL) & O_NONBLOCK);
  send_text(fd, "waited");
  close(fd);
  SHOW(fcntl(3, F_SETFL, fcntl(3, F_GETFL) | O_NONBLOCK));
  SHOW(accept(3, NULL, NULL));
  fflush(stdout);
  struct pollfd client = {.fd = 3, .events = POLLIN};
  poll(&client, 1, -1);
  fd = accept4(3, NULL, NULL, SOCK_NONBLOCK);
  SHOW_BOOL(fcntl(fd, F_GETFL) & O_NONBLOCK);
  SHOW(read(fd, buffer, 1));
  send_text(fd, "polled");
  close(fd);
}

// libc must find the preopened directories after descriptors that are not directories.
static void files(void) {
  show_file("file");
  SHOW(accept(0, NULL, NULL));
  SHOW(lseek(3, 0, SEEK_CUR));
  struct stat st;
  SHOW(fstat(3, &st));
  int type;
  socklen_t size = sizeof type;
  SHOW(getsockopt(3, SOL_SOCKET, SO_TYPE, &type, &size));
  SHOW_BOOL(type == SOCK_STREAM);
}

int main(int argc, char **argv) {
  return run_scenario((struct scenario[]){
    {"http", http}, {"several", several}, {"half closed", half_closed}, {"closed peer", closed_peer}, {"files", files},
    {"flags", flags}, {0},
  }, argc, argv);
}
