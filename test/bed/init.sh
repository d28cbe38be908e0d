#!/bin/bash
# Process 1 of a node of the bed: sets the node up, keeps its dockerd running, buries orphans.
# init.sh <folder of the node> <name>
dir=$1
hostname "$2"
# Shared inside the node, so that containers may mount rshared; still a slave of the machine, which sees none of it.
mount --make-rshared /
mount --bind "$dir/resolv.conf" /etc/resolv.conf

stopping=
stop() { stopping=1; kill -TERM "$daemon" 2>/dev/null; }
trap stop TERM
while [ -z "$stopping" ]; do
  rm -f "$dir/docker.pid" "$dir/exec/containerd/containerd.pid"
  dockerd --config-file="$dir/daemon.json" >>"$dir/dockerd.log" 2>&1 &
  daemon=$!
  # A signal ends the wait early; bash waits for every orphan on the way.
  while kill -0 $daemon 2>/dev/null; do wait $daemon; done
  [ -n "$stopping" ] || sleep 0.5
done
