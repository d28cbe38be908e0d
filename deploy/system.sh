#!/bin/sh
# Puts Coxswain on this machine, or takes it away: system.sh install | uninstall | units FOLDER.
# "install" copies this checkout, built, to PREFIX (/opt/coxswain), makes `cox` a command of the machine and, where there is
# systemd, installs its units (none is enabled). "uninstall" undoes that; clusters and nodes have to be gone before.
# "units" writes the units to a folder, to look at or to check. Data of nodes is in STATE (/var/lib/coxswain).
set -eu
root=$(dirname "$(dirname "$(readlink -f "$0")")")
PREFIX=${PREFIX:-/opt/coxswain}
STATE=${STATE:-/var/lib/coxswain}
COMMAND=${COMMAND:-/usr/local/bin/cox}
UNITS=${UNITS:-/etc/systemd/system}
systemd() { [ -d /run/systemd/system ]; }

units() {
  mkdir -p "$1"
  for unit in "$root"/deploy/systemd/*.service; do
    sed -e "s|@PREFIX@|$PREFIX|g" -e "s|@FOLDER@|$STATE|g" "$unit" >"$1/$(basename "$unit")"
  done
}

install() {
  [ -f "$root/dist/cox.mjs" ] || { echo 'system: build first: make build' >&2; exit 1; }
  [ "$root" != "$PREFIX" ] || { echo "system: this is $PREFIX itself" >&2; exit 1; }
  # Beside the old one until it is whole: what runs from there goes on with the files it has open.
  rm -rf "$PREFIX.new"
  mkdir -p "$PREFIX.new"
  for part in bin cmd deploy dist docs node_modules pkg test docker-compose.yml package.json package-lock.json Makefile README.md; do
    cp -a "$root/$part" "$PREFIX.new/"
  done
  # The data of a cluster that was started from there stays.
  for kept in .cluster .env; do [ ! -e "$PREFIX/$kept" ] || mv "$PREFIX/$kept" "$PREFIX.new/$kept"; done
  rm -rf "$PREFIX.old"
  [ ! -e "$PREFIX" ] || mv "$PREFIX" "$PREFIX.old"
  mv "$PREFIX.new" "$PREFIX"
  rm -rf "$PREFIX.old"
  ln -sfn "$PREFIX/bin/cox" "$COMMAND"
  if systemd; then
    units "$UNITS"
    systemctl daemon-reload
    echo 'units: coxswain-cluster.service, coxswain@.service (none is enabled)'
  fi
  echo "installed in $PREFIX; the command is $COMMAND"
}

uninstall() {
  [ ! -e "$STATE/joined.json" ] || { echo 'system: this machine is a node; first: cox cluster reset' >&2; exit 1; }
  if [ -n "$(docker ps -q --filter label=com.docker.compose.project=coxswain 2>/dev/null)" ]; then
    echo 'system: a cluster runs here; first: cox cluster down' >&2
    exit 1
  fi
  if [ -e "$PREFIX/.cluster/etcd" ]; then
    echo "system: $PREFIX/.cluster has the data of a cluster; move it away, or remove it, first" >&2
    exit 1
  fi
  if systemd; then
    rm -f "$UNITS/coxswain@.service" "$UNITS/coxswain-cluster.service"
    systemctl daemon-reload
  fi
  [ "$(readlink "$COMMAND" 2>/dev/null)" != "$PREFIX/bin/cox" ] || rm -f "$COMMAND"
  rm -rf "$PREFIX"
  echo "nothing of $PREFIX is left"
}

case ${1-} in
  install | uninstall) "$1" ;;
  units) units "${2:?usage: system.sh units FOLDER}" ;;
  *) echo 'usage: system.sh install | uninstall | units FOLDER' >&2; exit 2 ;;
esac
