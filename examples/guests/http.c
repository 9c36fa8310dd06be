// Answers each HTTP request on the listening socket, descriptor 3, with the path of the request.
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
  char request[4096], path[256], response[512];
  for (int client; (client = accept(3, NULL, NULL)) >= 0; close(client)) {
    size_t length = 0;
    for (ssize_t n; (n = recv(client, request + length, sizeof request - 1 - length, 0)) > 0;) {
      request[length += n] = 0;
      if (strstr(request, "\r\n\r\n")) break;
    }
    if (length == 0 || sscanf(request, "GET %255s", path) != 1) continue;
    int size = snprintf(response, sizeof response,
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nYou asked for %s\n", path);
    send(client, response, size, 0);
  }
  return 1;
}
