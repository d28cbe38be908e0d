#!/bin/sh
# Removes every trace of a node from this machine: containers, pods, their network, rules, routes, mounts, files.
# sweep.sh FOLDER [DOCKER HOST]. What runs the node has to be stopped before. Every step is done even when there is nothing to
# do, so that it also cleans up after something that went wrong. KEEP in the environment names what stays in the folder.
set -u
folder=${1:?usage: sweep.sh FOLDER [DOCKER HOST]}
case $folder in /*/*) ;; *) echo "sweep: $folder is no folder of a node" >&2; exit 1 ;; esac
root=$(dirname "$(dirname "$(readlink -f "$0")")")
export PATH="$PATH:/usr/sbin:/sbin"
[ -z "${2-}" ] || export DOCKER_HOST="$2"

if docker version >/dev/null 2>&1; then
  ids=$(docker ps -aq --filter label=io.coxswain.managed=true)
  # shellcheck disable=SC2086 — a list of words
  [ -z "$ids" ] || { docker stop -t 5 $ids >/dev/null; docker rm -fv $ids >/dev/null; }
  ! docker network inspect coxswain >/dev/null 2>&1 || docker network rm coxswain >/dev/null
fi

# Rules of proxy and pod network: every chain of ours begins with COX, every table with coxswain.
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
if command -v nft >/dev/null; then
  nft list tables 2>/dev/null | grep coxswain | while read -r line; do nft delete "$line" </dev/null; done
fi
# Virtual servers hold their addresses on a device of the proxy's.
if ip link show cox-ipvs0 >/dev/null 2>&1; then "$root/bin/proxy" --cleanup --log-level error; fi

# Routes to the pods of other nodes carry our protocol number; the tunnel has a device.
ip route flush proto 252 2>/dev/null
ip -6 route flush proto 252 2>/dev/null
ip link del cox-vxlan 2>/dev/null

# Mounts of pods' volumes, deepest first, then the shared mount they lie in.
mounts() { awk -v folder="$folder" 'index($2 "/", folder "/") == 1 { print $2 }' /proc/self/mounts; }
# Parts of volumes are the machine's own files once more: what it mounted there since would go with them, but for a slave.
mounts | grep /volume-subpaths/ | while read -r point; do
  mount --make-slave "$point" 2>/dev/null
done
mounts | sort -r | while read -r point; do
  umount -l "$point" 2>/dev/null
done
# Below a mount that is still there lies what belongs to somebody else, such as the files behind a hostPath.
if [ -n "$(mounts)" ]; then
  echo "sweep: $folder is left as it is: these are still mounted: $(mounts | tr '\n' ' ')" >&2
elif [ -d "$folder" ]; then
  find "$folder" -mindepth 1 -maxdepth 1 ! -name "${KEEP:-.}" -exec rm -rf {} +
  rmdir "$folder" 2>/dev/null
fi

# Where device plugins register: the socket is ours, unless there are others.
plugins=/var/lib/kubelet/device-plugins
[ "$(ls -A $plugins 2>/dev/null)" != kubelet.sock ] || rm -f $plugins/kubelet.sock
rmdir $plugins /var/lib/kubelet 2>/dev/null

# Cgroups of pods and of their classes, deepest first; one that somebody else has a process in stays.
! command -v systemctl >/dev/null || systemctl stop kubepods.slice >/dev/null 2>&1
find /sys/fs/cgroup/kubepods /sys/fs/cgroup/*/kubepods -depth -type d -exec rmdir {} \; 2>/dev/null || true
