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
exec "$node" --max-semi-space-size=16 "$root/dist/$name.mjs" "$@"
