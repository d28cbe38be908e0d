#!/bin/sh
# Installs what Coxswain needs on Debian or Ubuntu, as root: one line a step, nothing where a step is satisfied already.
# With "tests", also what only its tests need.
set -eu
root=$(dirname "$(dirname "$(readlink -f "$0")")")
log=$root/.cluster/install.log
policy=/usr/sbin/policy-rc.d
mark='# Written by the installation of Coxswain, for as long as it runs.'
mkdir -p -m 0700 "$root/.cluster"

# One at a time. What a Ctrl-C leaves running in the background (apt, npm) holds the lock until it has ended: two of them would
# take node_modules away under each other.
lock=$root/.cluster/install.lock
[ "$(id -u)" != 0 ] || lock=/run/coxswain-install.lock
exec 9>"$lock"
if ! flock -n 9; then
  echo 'waiting for another installation to end'
  flock -w 900 9 || { echo 'install: another installation has not ended in 15 minutes' >&2; exit 1; }
fi
: >"$log"
# One that was killed has left this behind, and no service could be started by its package any more.
! grep -qsxF "$mark" $policy || rm -f $policy || true

say() { printf '%s' "$*"; }
has() { command -v "$1" >/dev/null 2>&1; }

# step "what it does" command...: runs the command with a dot a second; shows the end of its output when it fails.
step() {
  say "$1 "
  shift
  "$@" >>"$log" 2>&1 </dev/null &
  pid=$!
  while kill -0 $pid 2>/dev/null; do
    sleep 1
    say .
  done
  if wait $pid; then echo ' done'; return; fi
  echo ' failed:'
  tail -n 8 "$log" | sed 's/^/  /' >&2
  exit 1
}

fetch_and_unpack() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
}

# Debian starts a service as soon as its package is unpacked. etcd and haproxy would take our ports, dockerd may not even
# be able to start that way, so nothing is started during the installation.
install_packages() {
  [ -e $policy ] || { printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >$policy; chmod 755 $policy; ours=1; }
  code=0
  # Lists that are some weeks old name versions the archive has no more.
  fetch_and_unpack "$@" || { apt-get update -q && fetch_and_unpack "$@"; } || code=$?
  [ -z "${ours-}" ] || rm -f $policy
  # Nor at the next boot; dockerd may, that is what its package is for.
  for service in etcd haproxy; do
    case " $* " in *" $service"*) ;; *) continue ;; esac
    if has systemctl; then systemctl disable -q $service || true; else update-rc.d $service disable || true; fi
  done
  return $code
}

# want package test...: notes the package when the test fails.
missing=
want() {
  package=$1
  shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}
# To run it is the only proof: Ubuntu 24.04 has a docker-compose 1 for a Python that is not there.
compose() { docker compose version || docker-compose version; }
headers() { [ -e /usr/include/stdlib.h ]; }
PATH=$PATH:/usr/sbin:/sbin
docker_parts() { has dockerd && has docker; }
want docker.io docker_parts
want etcd-server has etcd
want etcd-client has etcdctl
want haproxy has haproxy
want curl has curl
want iptables has iptables
want nftables has nft
want iproute2 has ip
want conntrack has conntrack
want ipset has ipset
want ethtool has ethtool
want kmod has modprobe
want procps has sysctl
want gcc has gcc
want libc6-dev headers
want docker-compose compose
want kubernetes-client has kubectl
[ "${1-}" != tests ] || want containernetworking-plugins [ -x /usr/lib/cni/bridge ]
[ "${1-}" != tests ] || want python3-kubernetes /usr/bin/python3 -c 'import kubernetes'
[ "${1-}" != tests ] || want musl-tools has musl-gcc

if [ -n "$missing" ]; then
  has apt-get || { echo "install: these programs are missing; install them by hand:$missing" >&2; exit 1; }
fi
lists() { [ -n "$(apt-cache madison busybox-static 2>/dev/null)" ]; }
if [ "$(id -u)" = 0 ] && has apt-get && ! lists; then step 'fetching package lists' apt-get update -q; fi

# What stands for a package that this distribution has not, or has only broken.
offered() { [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]; }
chosen=
for package in $missing; do
  case $package in
    docker.io) ! offered docker-cli || package='docker.io docker-cli' ;;
    docker-compose) ! offered docker-compose-v2 || package=docker-compose-v2 ;;
    kubernetes-client)
      offered $package || { echo 'note: there is no package of kubectl here; bin/cox stands in for it'; continue; }
      ;;
  esac
  chosen="$chosen $package"
done
if [ -n "$chosen" ]; then
  [ "$(id -u)" = 0 ] || { echo "install: these packages are missing and only root can install them:$chosen" >&2; exit 1; }
  # shellcheck disable=SC2086 — a list of words
  step "installing$chosen" install_packages $chosen
fi

if [ ! -x "$root/node_modules/.bin/node" ] || ! cmp -s "$root/package-lock.json" "$root/node_modules/.coxswain-lock"; then
  # Some packages have a part for each processor, which npm leaves out where the Node it runs on is older than what they
  # ask for, as those of Debian 12 and Ubuntu 24.04 are: it runs on ours then.
  newer_node() {
    [ "$(node -p 'parseInt(process.versions.node) < 22')" = true ] || return 0
    ours=$(node -p '`node-linux-${process.arch}@${require("./package.json").optionalDependencies[`node-linux-${process.arch}`]}`')
    npm install --no-save --no-audit --no-fund --prefix .cluster/node "$ours" || return
    PATH=$root/.cluster/node/node_modules/.bin:$PATH
    # Where Debian's npm has its libraries, which only Debian's Node knows.
    export NODE_PATH=/usr/share/nodejs
  }
  # `npm ci` insists that the registry has the packages of every other platform too; `npm install` takes the same versions
  # from the same lock file and does not mind a mirror that has only ours.
  modules() {
    cd "$root" && newer_node || return
    npm ci --no-audit --no-fund || npm install --no-save --no-audit --no-fund || return
    # npm 9 takes the link away with the package of the other processor.
    for program in node_modules/node-linux-*/bin/node; do ln -sf "../${program#*/}" node_modules/.bin/node; done
    rm -rf .cluster/node
    [ -x node_modules/.bin/node ] && cp package-lock.json node_modules/.coxswain-lock
  }
  if [ -x "$root/node_modules/.bin/node" ] && [ "$root/node_modules/.package-lock.json" -nt "$root/package-lock.json" ]; then
    cp "$root/package-lock.json" "$root/node_modules/.coxswain-lock"
  else
    has npm || { echo 'install: npm is missing; install Node.js 18 or later with npm' >&2; exit 1; }
    step 'installing Node 24 and libraries from package-lock.json' modules
  fi
fi
