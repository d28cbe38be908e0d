import type { EndpointSlice } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { PortGroup, SliceEndpoint } from './desired.ts';

/** Most endpoints in one slice. */
export const MAX_PER_SLICE = 100;

export interface SlicePlan {
  readonly create: readonly { readonly ports: PortGroup['ports']; readonly endpoints: readonly SliceEndpoint[] }[];
  readonly update: readonly { readonly slice: Stored<EndpointSlice>; readonly endpoints: readonly SliceEndpoint[] }[];
  readonly remove: readonly Stored<EndpointSlice>[];
}

const idOf = (e: SliceEndpoint): string => e.targetRef?.uid ?? e.addresses[0] ?? '';

/** Keeps endpoints in the slice they are in, changed in place; what is left over fills gaps, then new slices. */
function planGroup(group: PortGroup, slices: readonly Stored<EndpointSlice>[]): SlicePlan {
  const left = new Map(group.endpoints.map((e) => [idOf(e), e]));
  const kept = slices.map((slice) => {
    const endpoints: SliceEndpoint[] = [];
    for (const e of slice.endpoints ?? []) {
      const wanted = left.get(idOf(e));
      if (!wanted) continue;
      left.delete(idOf(e));
      endpoints.push(wanted);
    }
    return { slice, endpoints };
  });
  // The fullest gap first: fewest slices are touched.
  const rest = [...left.values()];
  for (const k of [...kept].sort((a, b) => b.endpoints.length - a.endpoints.length)) {
    k.endpoints.push(...rest.splice(0, MAX_PER_SLICE - k.endpoints.length));
  }
  const create: { ports: PortGroup['ports']; endpoints: SliceEndpoint[] }[] = [];
  while (rest.length > 0) create.push({ ports: group.ports, endpoints: rest.splice(0, MAX_PER_SLICE) });
  const empty = kept.filter((k) => k.endpoints.length === 0);
  return {
    create,
    update: kept.filter((k) => k.endpoints.length > 0 && !sameJson(k.endpoints, k.slice.endpoints)),
    remove: empty.map((k) => k.slice),
  };
}

/** Pure: the fewest writes that turn the present slices of a service into the wanted ones. */
export function planSlices(groups: readonly PortGroup[], slices: readonly Stored<EndpointSlice>[]): SlicePlan {
  const unused = new Set(slices);
  const plans = groups.map((g) => {
    const mine = slices.filter((s) => sameJson(s.ports ?? [], g.ports));
    for (const s of mine) unused.delete(s);
    return planGroup(g, mine);
  });
  const update = plans.flatMap((p) => p.update);
  const create = plans.flatMap((p) => p.create);
  const remove = [...plans.flatMap((p) => p.remove), ...unused];
  // A service without endpoints keeps one empty slice: clients see that it is known.
  const keep = groups.length === 0 ? remove.shift() : undefined;
  if (keep && (keep.endpoints ?? []).length > 0) update.push({ slice: keep, endpoints: [] });
  if (groups.length === 0 && !keep) create.push({ ports: [], endpoints: [] });
  return { create, update, remove };
}
