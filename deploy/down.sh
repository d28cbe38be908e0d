#!/bin/sh
# Removes every trace of `make up` but its data in .cluster and, of volumes, in /var/lib/coxswain/local-path: containers, pods,
# networks, rules, routes, mounts, nodes.
# Every step is done even when there is nothing to do, so that it also cleans up after something that went wrong.
set -u
root=$(dirname "$(dirname "$(readlink -f "$0")")")
node=$root/node_modules/.bin/node
state=/var/lib/coxswain
export PATH="$PATH:/usr/sbin:/sbin"

if [ -e $state/joined.json ]; then
  echo 'down: this machine is a node of another cluster; "bin/cox cluster reset" takes it out of that' >&2
  exit 1
fi

# Only a daemon finds the containers of a cluster that runs here, or did before a crash; the next daemon would start them again.
if [ -e $state/agent ] && ! docker version >/dev/null 2>&1; then "$root/deploy/dockerd.sh" start; fi

[ ! -x "$node" ] || "$node" "$root/deploy/up/main.ts" release

if docker version >/dev/null 2>&1; then
  # Leaders first, while there is an API server to give their leases back to: the next `make up` need not wait for those.
  for service in scheduler controller-manager; do
    ids=$(docker ps -q --filter label=com.docker.compose.project=coxswain --filter "label=com.docker.compose.service=$service")
    # shellcheck disable=SC2086 — a list of words
    [ -z "$ids" ] || docker stop -t 5 $ids >/dev/null
  done
  # Then what else runs, the agent with it: it would start again what is taken away from it.
  for label in com.docker.compose.project=coxswain io.coxswain.managed=true; do
    ids=$(docker ps -aq --filter "label=$label")
    # shellcheck disable=SC2086 — a list of words
    [ -z "$ids" ] || { docker stop -t 5 $ids >/dev/null; docker rm -fv $ids >/dev/null; }
  done
  for network in $(docker network ls --filter name=coxswain --format '{{.Name}}' | grep -E '^coxswain(_|$)'); do
    docker network rm "$network" >/dev/null
  done
fi

# The machine's files as the agent saw them. rmdir, never rm: those are the machine's own. Private first: where `make up` was
# killed between its two steps, what is unmounted there would be unmounted everywhere.
host=/run/coxswain/host
if [ -d $host ]; then
  # Not -R, which cannot find what lies hidden below another mount; the kernel takes all that is below along.
  mount --make-rprivate $host 2>/dev/null && umount -l $host
  rmdir $host
fi

# Volumes made on demand are data, as .cluster is.
KEEP=local-path "$root/deploy/sweep.sh" $state

"$root/deploy/dockerd.sh" stop
