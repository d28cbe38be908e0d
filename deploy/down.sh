#!/bin/sh
# Removes every trace of `make up` but its data in .cluster: containers, pods, networks, rules, routes, mounts, nodes.
# Every step is done even when there is nothing to do, so that it also cleans up after something that went wrong.
set -u
root=$(dirname "$(dirname "$(readlink -f "$0")")")
node=$root/node_modules/.bin/node
export PATH="$PATH:/usr/sbin:/sbin"

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

# The machine's files as the agent saw them. rmdir, never rm: those are the machine's own.
if [ -d /run/coxswain/host ]; then
  umount -R -l /run/coxswain/host 2>/dev/null
  rmdir /run/coxswain/host
fi

"$root/deploy/sweep.sh" /var/lib/coxswain

"$root/deploy/dockerd.sh" stop
