/* Prints the IPv4 addresses of each name as the C library's own resolver finds them, one line a name: "NAME ADDRESS..." */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    struct addrinfo hints, *found = NULL;
    memset(&hints, 0, sizeof hints);
    /* Both families are asked for, as programs do. */
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    int code = getaddrinfo(argv[i], NULL, &hints, &found);
    printf("%s", argv[i]);
    if (code != 0) printf(" %s", code == EAI_NONAME ? "none" : gai_strerror(code));
    for (struct addrinfo *a = found; a != NULL; a = a->ai_next) {
      char text[INET_ADDRSTRLEN];
      if (a->ai_family != AF_INET) continue;
      inet_ntop(AF_INET, &((struct sockaddr_in *)a->ai_addr)->sin_addr, text, sizeof text);
      printf(" %s", text);
    }
    printf("\n");
    if (found != NULL) freeaddrinfo(found);
  }
  return 0;
}
