/*
 * connections serve PORT: answers whoever comes with a letter
 * connections ask ADDRESS PORT: asks for it again and again, each time by a new connection, until SIGTERM; then it prints how many
 * were answered and how many were not, before which it has told what went wrong with some of those
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a first packet that went nowhere the second one comes after a second: who needed it was not answered in time. */
#define PATIENCE_MS 900
#define MAX_TOLD 20

static volatile sig_atomic_t over;

static void end(int signal) { over = signal; }

static struct sockaddr_in at(const char *ip, const char *port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  inet_aton(ip, &a.sin_addr);
  return a;
}

static int serve(struct sockaddr_in here) {
  int yes = 1;
  int s = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(s, (struct sockaddr *)&here, sizeof here) || listen(s, 512)) return perror("listen"), 1;
  puts("serves");
  fflush(stdout);
  for (;;) {
    int peer = accept(s, NULL, NULL);
    /* Who has ended meanwhile needs no answer. */
    if (peer >= 0 && send(peer, "x", 1, MSG_NOSIGNAL) == 1) shutdown(peer, SHUT_WR);
    if (peer >= 0) close(peer);
  }
}

/* Ends with a reset, so that the port is free at once. @return what went wrong, or NULL */
static const char *once(struct sockaddr_in to, int *port) {
  static const struct linger hard = {.l_onoff = 1};
  struct sockaddr_in own;
  socklen_t size = sizeof own;
  const char *problem = NULL;
  char answer;
  int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(s, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  if (connect(s, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) problem = strerror(errno);
  struct pollfd ready = {.fd = s, .events = POLLIN};
  /* The signal, which comes once, cuts the last wait short. */
  if (!problem && poll(&ready, 1, PATIENCE_MS) == 0) problem = "no answer in time";
  if (!problem && read(s, &answer, 1) != 1) problem = strerror(errno);
  if (problem && getsockname(s, (struct sockaddr *)&own, &size) == 0) *port = ntohs(own.sin_port);
  close(s);
  return problem;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "serve") == 0) return serve(at("0.0.0.0", argv[2]));
  if (argc != 4) return 2;
  long answered = 0, failed = 0;
  int port = 0;
  signal(SIGTERM, end);
  while (!over) {
    const char *problem = once(at(argv[2], argv[3]), &port);
    if (over) break;
    if (!problem) answered++;
    else if (++failed <= MAX_TOLD) printf("from port %d after %ld: %s\n", port, answered, problem), fflush(stdout);
  }
  printf("answered %ld failed %ld\n", answered, failed);
  return 0;
}
