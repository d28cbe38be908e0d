#!/bin/sh
# Docker for a machine where none answers: dockerd.sh start | stop | status.
# "start" does nothing when a daemon answers. "stop" ends only the daemon that "start" started, and only when no container
# runs in it any more; then it also takes away docker0 and the rules that daemon made.
set -eu
run=/run/coxswain
socket=/var/run/docker.sock
mkdir -p $run

answers() { docker -H unix://$socket version -f '{{.Server.Version}}' >/dev/null 2>&1; }
ours() { [ -f $run/dockerd.pid ] && [ "$(cat "/proc/$(cat $run/dockerd.pid)/comm" 2>/dev/null)" = dockerd ]; }
systemd() { [ -d /run/systemd/system ] && systemctl cat docker.service >/dev/null 2>&1; }

# The lowest value a process may give itself is limited by CAP_SYS_RESOURCE (bit 24 of the bounding set).
sys_resource() { [ $((0x$(sed -n 's/^CapBnd:\t//p' /proc/self/status) >> 24 & 1)) = 1 ]; }

# A daemon that was killed leaves pid files behind. Whoever has that number now, or a zombie, would look like a live one.
forget_dead() {
  for file in /var/run/docker.pid /run/docker/containerd/containerd.pid; do
    [ -f "$file" ] || continue
    state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$(cat "$file")/status" 2>/dev/null || true)
    case $state in '' | Z) rm -f "$file" ;; esac
  done
}

start_own() {
  forget_dead
  iptables -S FORWARD 2>/dev/null | head -1 >$run/forward-policy || true
  set -- --host unix://$socket --pidfile /var/run/docker.pid --log-level warn
  # A configuration of the machine's owner wins: dockerd refuses a setting given both ways.
  [ -s /etc/docker/daemon.json ] || set -- "$@" --live-restore --userland-proxy=false \
    --log-driver json-file --log-opt max-size=10m --log-opt max-file=3
  [ "$(wc -c 2>/dev/null <$run/dockerd.log || echo 0)" -lt 10000000 ] || mv $run/dockerd.log $run/dockerd.log.1
  setsid dockerd "$@" >>$run/dockerd.log 2>&1 </dev/null 9>&- &
  echo $! >$run/dockerd.pid
  i=0
  until answers; do
    i=$((i + 1))
    # On a slow disk the first start takes more than half a minute.
    if [ $i -gt 1200 ] || ! kill -0 "$(cat $run/dockerd.pid)" 2>/dev/null; then
      echo "dockerd did not start; the end of $run/dockerd.log:" >&2
      tail -n 5 $run/dockerd.log >&2
      rm -f $run/dockerd.pid
      exit 1
    fi
    sleep 0.1
  done
}

start() {
  answers && return
  if systemd; then
    systemctl start docker.service
    echo systemd >$run/dockerd.pid
  else
    start_own
  fi
  echo "started dockerd $(docker -H unix://$socket version -f '{{.Server.Version}}')"
  sys_resource || echo "note: CAP_SYS_RESOURCE is missing here; OOM scores below 0 and --privileged are not possible"
}

stop() {
  [ -f $run/dockerd.pid ] || return 0
  if answers && [ -n "$(docker -H unix://$socket ps -q)" ]; then
    echo "dockerd is left running: it still has containers" >&2
    return 0
  fi
  if [ "$(cat $run/dockerd.pid)" = systemd ]; then
    systemctl stop docker.service docker.socket
  elif ours; then
    pid=$(cat $run/dockerd.pid)
    kill "$pid"
    i=0
    while [ -d "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do
      i=$((i + 1))
      [ $i -lt 200 ] || { kill -9 "$pid" 2>/dev/null || true; break; }
      sleep 0.1
    done
    sweep
  fi
  rm -f $run/dockerd.pid $run/forward-policy
  echo 'stopped dockerd'
}

# What a daemon leaves in the kernel when it ends.
sweep() {
  umount /run/docker/netns/default 2>/dev/null || true
  ip link del docker0 2>/dev/null || true
  for tool in iptables ip6tables; do
    command -v $tool-save >/dev/null || continue
    # Only lines of docker's own chains and of its bridge; everything else is put back as it was.
    if $tool-save 2>/dev/null | grep -q DOCKER; then
      $tool-save | grep -Ev 'DOCKER|docker0' | $tool-restore
    fi
  done
  if [ -s $run/forward-policy ]; then iptables $(cat $run/forward-policy); fi
}

case ${1-} in
  start | stop)
    # Two at a time would each start a daemon, of which one ends and takes the note of the other along.
    exec 9>$run/dockerd.lock
    flock -w 120 9 || { echo 'another dockerd.sh does not end' >&2; exit 1; }
    "$1"
    ;;
  status) if answers; then ours && echo 'running, ours' || echo 'running'; else echo 'not running'; exit 1; fi ;;
  *) echo 'usage: dockerd.sh start | stop | status' >&2; exit 2 ;;
esac
