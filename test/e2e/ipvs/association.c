/*
 * SCTP, of which busybox knows nothing.
 * association serve PORT WORD: answers whoever comes with his address and the word
 * association ask ADDRESS PORT: prints what it is answered
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_S 60

static int serve(int s, struct sockaddr_in at, const char *word) {
  if (bind(s, (struct sockaddr *)&at, sizeof at) || listen(s, 8)) return perror("listen"), 1;
  for (;;) {
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    int peer = accept(s, (struct sockaddr *)&from, &size);
    if (peer < 0) return perror("accept"), 1;
    dprintf(peer, "%s %s", inet_ntoa(from.sin_addr), word);
    close(peer);
  }
}

static int ask(int s, struct sockaddr_in at) {
  char answer[256];
  alarm(PATIENCE_S);
  if (connect(s, (struct sockaddr *)&at, sizeof at)) return perror("connect"), 1;
  ssize_t size = read(s, answer, sizeof answer);
  if (size < 0) return perror("read"), 1;
  return fwrite(answer, 1, size, stdout) == (size_t)size ? 0 : 1;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int serves = strcmp(argv[1], "serve") == 0;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[serves ? 2 : 3]))};
  if (!serves && !inet_aton(argv[2], &at.sin_addr)) return 2;
  int s = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP);
  if (s < 0) return perror("socket"), 1;
  return serves ? serve(s, at, argv[3]) : ask(s, at);
}
