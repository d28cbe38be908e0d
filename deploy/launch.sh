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
# looks which of them are garbage; at one and a half times it needs a quarter less memory, and no more CPU to be measured.
[ "$name" = apiserver ] && memory="--max-semi-space-size=8 --heap-growing-percent=50"
# shellcheck disable=SC2086 # two flags
exec "$node" $memory "$root/dist/$name.mjs" "$@"
