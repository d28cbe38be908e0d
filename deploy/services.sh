#!/bin/sh
# The processes of a node that has joined: services.sh start | stop | status FOLDER, services.sh restart FOLDER NAME.
# FOLDER/run has one script for each. Where systemd runs and has deploy/systemd/coxswain@.service for this folder, they are its;
# else FOLDER/log has what they say, and each is started again when it ends.
set -eu
self=$(readlink -f "$0")
LOG_BYTES=10000000
# What is written here is for root alone.
umask 077
STOP_TENTHS=200

# The process that keeps a service running, if it lives: the number alone may have gone to somebody else.
keeper() {
  pid=$(cat "$folder/run/.$1.pid" 2>/dev/null) || return 1
  case $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) in *"services.sh keep $folder $1 "*) echo "$pid" ;; *) return 1 ;; esac
}

names() { for file in "$folder"/run/*; do [ ! -x "$file" ] || basename "$file"; done; }

# Whether the processes of this folder are systemd's.
systemds() {
  [ -d /run/systemd/system ] && systemctl cat coxswain@.service 2>/dev/null | grep -qx "ExecStart=$folder/run/%i"
}
units() { for name in $(names); do echo "coxswain@$name.service"; done; }

start() {
  if systemds; then
    # shellcheck disable=SC2046 — a list of words
    systemctl enable --now $(units)
    return
  fi
  mkdir -p -m 0700 "$folder/log"
  for name in $(names) .logs; do
    keeper "$name" >/dev/null || setsid sh "$self" keep "$folder" "$name" </dev/null >/dev/null 2>&1 &
  done
  for name in $(names); do
    i=0
    until keeper "$name" >/dev/null; do
      i=$((i + 1))
      [ $i -lt 200 ] || { echo "services: $name was not started" >&2; exit 1; }
      sleep 0.1
    done
  done
}

keep() {
  name=$1
  echo $$ >"$folder/run/.$name.pid"
  child=
  # shellcheck disable=SC2064 — the child of that moment
  trap 'trap - TERM; [ -z "$child" ] || { kill "$child" 2>/dev/null; wait "$child" || true; }; rm -f "$folder/run/.$name.pid"; exit 0' TERM
  while :; do
    if [ "$name" = .logs ]; then
      bound_logs
      sleep 60 &
    else
      begun=$(date +%s)
      "$folder/run/$name" >>"$folder/log/$name.log" 2>&1 &
    fi
    child=$!
    wait $child || true
    # Who ends at once would else be started again and again.
    [ $(($(date +%s) - ${begun:-0})) -lt 5 ] || continue
    sleep 1 &
    child=$!
    wait $child || true
  done
}

# Writers append, so that a log may be emptied under them.
bound_logs() {
  for log in "$folder"/log/*.log; do
    [ -f "$log" ] && [ "$(wc -c <"$log")" -gt $LOG_BYTES ] || continue
    cp "$log" "$log.1" && : >"$log"
  done
}

stop() {
  # shellcheck disable=SC2046 — a list of words
  ! systemds || systemctl disable --now $(units)
  pids=
  for name in $(names) .logs; do pids="$pids $(keeper "$name" || true)"; done
  # shellcheck disable=SC2086 — a list of words
  kill $pids 2>/dev/null || true
  for pid in $pids; do
    i=0
    while [ -d "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do
      i=$((i + 1))
      if [ $i -gt $STOP_TENTHS ]; then
        # shellcheck disable=SC2046 — a list of words
        kill -9 "$pid" $(cat "/proc/$pid/task/$pid/children" 2>/dev/null) 2>/dev/null || true
      fi
      sleep 0.1
    done
  done
}

# Ends one process; its keeper starts it again, from the script there is now.
restart() {
  if systemds; then systemctl restart "coxswain@$1.service"; return; fi
  keeper=$(keeper "$1") || { start; return; }
  old=$(cat "/proc/$keeper/task/$keeper/children")
  # shellcheck disable=SC2086 — a list of words
  kill $old 2>/dev/null || true
  i=0
  for pid in $old; do
    while [ -d "/proc/$pid" ]; do
      i=$((i + 1))
      [ $i -lt $STOP_TENTHS ] || kill -9 "$pid" 2>/dev/null || true
      sleep 0.1
    done
  done
}

status() {
  if systemds; then
    # shellcheck disable=SC2046 — a list of words
    systemctl is-active $(units)
    return
  fi
  code=0
  for name in $(names); do
    if keeper "$name" >/dev/null; then echo "$name running"; else echo "$name stopped"; code=1; fi
  done
  return $code
}

verb=${1-}
folder=${2-}
case $verb in
  start | stop | status) [ -d "$folder/run" ] || { echo "services: there is no $folder/run" >&2; exit 1; }; "$verb" ;;
  restart) restart "${3:?usage: services.sh restart FOLDER NAME}" ;;
  keep) keep "$3" ;;
  *) echo 'usage: services.sh start | stop | status FOLDER, services.sh restart FOLDER NAME' >&2; exit 2 ;;
esac
