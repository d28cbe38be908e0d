#!/bin/sh
# Removes every trace of `make up` but its data in .cluster: containers, pods, networks, rules, routes, mounts, nodes.
# Every step is done even when there is nothing to do, so that it also cleans up after something that went wrong.
set -u
root=$(dirname "$(dirname "$(readlink -f "$0")")")
node=$root/node_modules/.bin/node
export PATH="$PATH:/usr/sbin:/sbin"

[ ! -x "$node" ] || "$node" "$root/deploy/up/main.ts" release

if docker version >/dev/null 2>&1; then
  # The agent first: it would start again what is taken away from it.
  for label in com.docker.compose.project=coxswain io.coxswain.managed=true; do
    ids=$(docker ps -aq --filter "label=$label")
    # shellcheck disable=SC2086 — a list of words
    [ -z "$ids" ] || { docker stop -t 5 $ids >/dev/null; docker rm -fv $ids >/dev/null; }
  done
  for network in $(docker network ls --filter name=coxswain --format '{{.Name}}' | grep -E '^coxswain(_|$)'); do
    docker network rm "$network" >/dev/null
  done
fi

# Rules of proxy and pod network: every chain of ours begins with COX.
for tool in iptables ip6tables; do
  command -v $tool >/dev/null || continue
  for table in nat filter mangle raw; do
    rules=$($tool -w 10 -t $table -S 2>/dev/null) || continue
    case $rules in *COX*) ;; *) continue ;; esac
    {
      echo "*$table"
      echo "$rules" | grep -E '^-A' | grep -E -- '-[jg] COX' | grep -vE '^-A COX' | sed 's/^-A/-D/'
      echo "$rules" | sed -n 's/^-N \(COX.*\)/-F \1/p'
      echo "$rules" | sed -n 's/^-N \(COX.*\)/-X \1/p'
      echo COMMIT
    } | $tool-restore --noflush -w 10
  done
done

# Routes to the pods of other nodes carry our protocol number.
ip route flush proto 252 2>/dev/null

# Mounts of pods' volumes, deepest first, then the shared mount they lie in.
awk '$2 ~ "^/var/lib/coxswain" { print $2 }' /proc/self/mounts | sort -r | while read -r point; do
  umount -l "$point" 2>/dev/null
done
rm -rf /var/lib/coxswain

"$root/deploy/dockerd.sh" stop
