/*
 * The first process of a pod: it holds the pod's namespaces open and buries the orphans of the other containers.
 * It ends at once on SIGTERM or SIGINT: a pod must not wait ten seconds for the one process that has nothing to save.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void stop(int signal) {
  (void)signal;
  _exit(0);
}

int main(void) {
  sigset_t child;
  struct sigaction action = {.sa_handler = stop};

  sigaction(SIGTERM, &action, 0);
  sigaction(SIGINT, &action, 0);
  /* Blocked, SIGCHLD waits for sigwaitinfo below and cannot slip in between two calls. */
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, 0);

  for (;;) {
    while (waitpid(-1, 0, WNOHANG) > 0) {
    }
    if (sigwaitinfo(&child, 0) < 0 && errno != EINTR) return 1;
  }
}
