#!/bin/bash
# Process 1 of a machine of the bed that is as a user has it before `make up`: no dockerd, no images, nothing of a cluster, and
# whatever is made of these is its own. Of the machine outside it has the programs, the files, and the way to their archives.
# Buries orphans.
# init.sh <folder of the machine> <name> <cgroup> <folder of all beds> <network namespace of the machine outside>
set -eu
dir=$1 name=$2 group=$3 beds=$4 outside=$5

# All controllers for the groups below one; those the kernel keeps for itself stay behind. (cgroup v2)
delegate() {
  [ -e "$1/cgroup.subtree_control" ] || return 0
  for controller in $(cat "$1/cgroup.controllers"); do
    echo "+$controller" >"$1/cgroup.subtree_control" 2>/dev/null || true
  done
}

# Two clusters would take each other's pods' groups away: this one's are all below its own group, which it sees as the root.
if [ "${6-}" != inside ]; then
  roots=(/sys/fs/cgroup/*)
  [ ! -e /sys/fs/cgroup/cgroup.procs ] || roots=(/sys/fs/cgroup)
  for root in "${roots[@]}"; do
    [ -e "$root/cgroup.procs" ] || continue
    bed=$root${group%/*}
    mkdir -p "$bed"
    # A group without processors and memory takes no process; those below it get what it has. (cgroup v1)
    if [ -e "$bed/cgroup.clone_children" ] && [ -e "$bed/cpuset.mems" ]; then
      cat "$root/cpuset.cpus" >"$bed/cpuset.cpus"
      cat "$root/cpuset.mems" >"$bed/cpuset.mems"
      echo 1 >"$bed/cgroup.clone_children"
    fi
    delegate "$root"
    delegate "$bed"
    mkdir -p "$root$group/init"
    echo 0 >"$root$group/cgroup.procs"
  done
  exec unshare --cgroup "$0" "$@" inside
fi
hostname "$name"
servers=$(cat /etc/resolv.conf || true)

# What daemons and clusters outside have mounted goes before it would only be covered: `make up` reads the list of mounts, and
# nothing of theirs may be held by us.
mapfile -t mounts </proc/self/mounts
touch "$dir/outside"
mount --bind "$outside" "$dir/outside"
for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do
  read -r _ point _ <<<"${mounts[i]}"
  case $point in
    /run/* | /var/lib/docker | /var/lib/docker/* | /var/lib/coxswain | /var/lib/coxswain/* | /var/lib/kubelet/* | "$beds"/*)
      umount -l "$(printf %b "$point")" || true ;;
  esac
done

mapfile -t mounts </proc/self/mounts
for line in "${mounts[@]}"; do
  read -r _ point type options _ <<<"$line"
  case $type in cgroup | cgroup2) umount -l "$point" ;; esac
  case $type in
    cgroup) mount -t cgroup -o "$(sed 's/,release_agent=[^,]*//' <<<"$options")" cgroup "$point" ;;
    cgroup2) mount -t cgroup2 cgroup2 "$point" ;;
    *) continue ;;
  esac
  # A group with processes of its own gives no controllers to those below it. (cgroup v2)
  echo 0 >"$point/init/cgroup.procs"
  delegate "$point"
done

# Sockets, pid files, locks, and the register of beds; not the way to a service manager that knows nothing of this machine.
# The file of name servers may be a link into it.
file=$(readlink -m /etc/resolv.conf)
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock "${file%/*}"
[ -e "$file" ] || echo "$servers" >"$file"

# What is known of installed packages stays to be seen in /var/lib, what a daemon or a cluster outside keeps there does not.
for hidden in coxswain docker kubelet; do [ -e "$dir/lib/$hidden" ] || mknod "$dir/lib/$hidden" c 0 0; done
mount -t overlay -o "lowerdir=/var/lib,upperdir=$dir/lib,workdir=$dir/lib.work" overlay /var/lib
mkdir -p /var/lib/docker
mount --bind "$dir/docker" /var/lib/docker
[ ! -e /etc/docker/daemon.json ] || mount --bind /dev/null /etc/docker/daemon.json

# Of the beds it sees those it makes itself, and its own folder at the place it has outside.
mkdir -p "$dir/beds${dir#"$beds"}"
mount --rbind "$dir" "$dir/beds${dir#"$beds"}"
mount --rbind "$dir/beds" "$beds"

# As systemd has it. Last, so that none of the above is made once more at the place it came from.
mount --make-rshared /
touch "$dir/ready"
# A signal would end the wait early; bash waits for every orphan on the way.
while :; do
  sleep infinity &
  wait $!
done
