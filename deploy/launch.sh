# Sourced by bin/<name>, which sets $name and $root: runs dist/<name>.mjs, building it when it is not there.
node=$root/node_modules/.bin/node
[ -x "$node" ] || node=/usr/local/bin/node
if [ ! -f "$root/dist/$name.mjs" ]; then
  "$node" "$root/deploy/build.ts" >&2
  [ -f "$root/dist/$name.mjs" ] || { echo "$name: could not be built; see above" >&2; exit 1; }
fi
# Compiled code is kept between starts. In containers dist is read-only, and the cache is simply not used.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$root/dist/.compiled}"
# V8 would give a busy process three times this for young objects, and keep it.
memory="--max-semi-space-size=16"
# The API server has old objects by the hundred thousand. V8 would let their number grow several times over before it
# looks which of them are garbage. At twice it needs a good deal less memory; at one and a half times it would be 5 to 15 MB
# less again under the benchmark's load, but each look costs the same, and with two for one a write costs a twelfth more CPU.
[ "$name" = apiserver ] && memory="--max-semi-space-size=8 --heap-growing-percent=100"
# glibc raises the size from which on it gives memory back with each large buffer it sees, and keeps an arena for each thread:
# most of what the API server allocates are answers and cached objects, and under load it held 10 to 20 MB for nothing.
[ "$name" = apiserver ] && export MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072 MALLOC_ARENA_MAX=1
# shellcheck disable=SC2086 # two flags
exec "$node" $memory "$root/dist/$name.mjs" "$@"
