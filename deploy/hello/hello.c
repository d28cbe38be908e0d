#define _GNU_SOURCE
/*
 * A workload to try a cluster with: an HTTP server that says who answered. Environment: PORT (8080), MESSAGE ("hello"),
 * DRAIN_MS (1000). GET /healthz says "ok"; any other path says "<message> from <host name> (<pod address>)".
 *
 * SIGTERM drains: /healthz turns to 503, and the server goes on answering until no connection has come for DRAIN_MS,
 * because the proxies of the cluster learn of the pod's end at the same time as the pod itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 1000, MAX_REQUEST = 8192, IDLE_MS = 60000, MAX_DRAIN_MS = 20000 };

struct connection {
  int fd;
  size_t length;
  long long since; /* ms; last time something was read */
  char request[MAX_REQUEST + 1];
};

static struct connection *connections[MAX_CONNECTIONS];
static int open_connections;
static volatile sig_atomic_t draining;
static char host[256], address[INET6_ADDRSTRLEN] = "no address";
static const char *message;

static void on_term(int signal) {
  (void)signal;
  draining = 1;
}

static long long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static long number(const char *name, long fallback) {
  const char *text = getenv(name);
  return text && *text ? strtol(text, 0, 10) : fallback;
}

static void find_address(void) {
  struct ifaddrs *all, *a;
  const char *given = getenv("POD_IP");
  if (given && *given) {
    snprintf(address, sizeof address, "%s", given);
    return;
  }
  if (getifaddrs(&all) != 0) return;
  for (a = all; a; a = a->ifa_next) {
    if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET || (a->ifa_flags & IFF_LOOPBACK)) continue;
    inet_ntop(AF_INET, &((struct sockaddr_in *)a->ifa_addr)->sin_addr, address, sizeof address);
    break;
  }
  freeifaddrs(all);
}

static int listen_on(long port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
  int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 1024) != 0) {
    fprintf(stderr, "hello: cannot listen on port %ld: %s\n", port, strerror(errno));
    exit(1);
  }
  return fd;
}

static void drop(int i) {
  close(connections[i]->fd);
  free(connections[i]);
  connections[i] = connections[--open_connections];
}

/* Answers one request. Returns 0 when the connection must end. */
static int answer(struct connection *c) {
  char body[1024], response[1536];
  int health = strncmp(c->request, "GET /healthz", 12) == 0;
  int keep = !draining && strstr(c->request, "HTTP/1.1") && !strcasestr(c->request, "connection: close");
  const char *status = health && draining ? "503 Service Unavailable" : "200 OK";
  int size, length;

  if (health) length = snprintf(body, sizeof body, "%s\n", draining ? "draining" : "ok");
  else length = snprintf(body, sizeof body, "%s from %s (%s)\n", message, host, address);
  if (length >= (int)sizeof body) length = sizeof body - 1;
  size = snprintf(response, sizeof response,
                  "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n%.*s", status,
                  length, keep ? "keep-alive" : "close", length, body);
  /* The answer fits the socket's buffer many times over; a peer that does not read is cut off. */
  if (send(c->fd, response, (size_t)size, MSG_NOSIGNAL) != size) return 0;
  return keep;
}

/* Reads what has come and answers each whole request. Returns 0 when the connection must end. */
static int serve(struct connection *c) {
  for (;;) {
    char *end;
    ssize_t n = recv(c->fd, c->request + c->length, MAX_REQUEST - c->length, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return 0;
    if (n < 0) return c->length < MAX_REQUEST;
    c->since = now_ms();
    c->length += (size_t)n;
    c->request[c->length] = 0;
    while ((end = strstr(c->request, "\r\n\r\n"))) {
      size_t used = (size_t)(end + 4 - c->request);
      end[2] = 0;
      if (!answer(c)) return 0;
      c->length -= used;
      memmove(c->request, c->request + used, c->length + 1);
    }
  }
}

/* Returns how many came. */
static int accept_all(int listener) {
  int fd, before = open_connections;
  while (open_connections < MAX_CONNECTIONS &&
         (fd = accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    struct connection *c = calloc(1, sizeof *c);
    if (!c) exit(1);
    c->fd = fd;
    c->since = now_ms();
    connections[open_connections++] = c;
  }
  return open_connections - before;
}

int main(void) {
  struct sigaction action = {.sa_handler = on_term};
  static struct pollfd polled[MAX_CONNECTIONS + 1];
  long drain_ms = number("DRAIN_MS", 1000);
  long long term_at = 0, last_accept = 0;
  sigset_t stop_signals, none;
  int listener;

  /* Blocked except inside ppoll: a signal just before it would otherwise be noticed only when the next client comes. */
  sigemptyset(&none);
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  sigprocmask(SIG_BLOCK, &stop_signals, 0);
  sigaction(SIGTERM, &action, 0);
  sigaction(SIGINT, &action, 0);
  message = getenv("MESSAGE") ? getenv("MESSAGE") : "hello";
  gethostname(host, sizeof host - 1);
  find_address();
  listener = listen_on(number("PORT", 8080));
  printf("listening on port %ld as %s (%s)\n", number("PORT", 8080), host, address);
  fflush(stdout);

  for (;;) {
    long long now = now_ms();
    int i, count = open_connections;
    if (draining && !term_at) {
      term_at = last_accept = now;
      printf("draining\n");
      fflush(stdout);
    }
    if (term_at && now - term_at >= MAX_DRAIN_MS) return 0;
    /* The machine may have stood still for a while: whoever came meanwhile waits to be accepted. */
    if (term_at && now - last_accept >= drain_ms) {
      if (accept_all(listener) == 0) return 0;
      last_accept = now;
    }
    for (i = 0; i < count; i++) polled[i] = (struct pollfd){connections[i]->fd, POLLIN, 0};
    polled[count] = (struct pollfd){count < MAX_CONNECTIONS ? listener : -1, POLLIN, 0};
    /* Asleep until something comes; while draining, or with idle connections to end, a look now and then. */
    long wait_ms = term_at ? 50 : count ? IDLE_MS / 4 : 1000 * 3600;
    struct timespec wait = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};
    if (ppoll(polled, (nfds_t)count + 1, &wait, &none) < 0) continue;
    now = now_ms();
    /* Backwards: drop() moves the last one, already looked at, into the gap. */
    for (i = count - 1; i >= 0; i--) {
      if (polled[i].revents ? !serve(connections[i]) : now - connections[i]->since > IDLE_MS) drop(i);
    }
    if (polled[count].revents) {
      last_accept = now;
      accept_all(listener);
    }
  }
}
