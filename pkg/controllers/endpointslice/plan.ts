import type { EndpointSlice } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { PortGroup, SliceEndpoint } from './desired.ts';

/** Most endpoints in one slice. */
export const MAX_PER_SLICE = 100;

export interface SliceUpdate {
  readonly slice: Stored<EndpointSlice>;
  readonly ports: PortGroup['ports'];
  readonly endpoints: readonly SliceEndpoint[];
}

export interface SlicePlan {
  readonly create: readonly { readonly ports: PortGroup['ports']; readonly endpoints: readonly SliceEndpoint[] }[];
  readonly update: readonly SliceUpdate[];
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
  const filled = kept.filter((k) => k.endpoints.length > 0);
  return {
    create,
    update: filled.map((k) => ({ ...k, ports: group.ports })),
    remove: kept.filter((k) => k.endpoints.length === 0).map((k) => k.slice),
  };
}

/**
 * Pure: the fewest writes that turn the present slices of a service into the wanted ones.
 * @param labels what every slice of the service should carry
 */
export function planSlices(
  groups: readonly PortGroup[],
  slices: readonly Stored<EndpointSlice>[],
  labels: Readonly<Record<string, string>>,
): SlicePlan {
  const unused = new Set(slices.filter((s) => !s.metadata.deletionTimestamp));
  const plans = groups.map((g) => {
    const mine = [...unused].filter((s) => sameJson(s.ports ?? [], g.ports));
    for (const s of mine) unused.delete(s);
    return planGroup(g, mine);
  });
  const update = plans.flatMap((p) => p.update);
  let create = plans.flatMap((p) => p.create);
  const free = [...plans.flatMap((p) => p.remove), ...unused];
  // A slice that lost its use takes the content of a new one: one write in place of two, and no moment without either.
  create = create.filter((c) => {
    const slice = free.pop();
    if (slice) update.push({ slice, ...c });
    return !slice;
  });
  if (groups.length === 0) {
    // A service without endpoints keeps one empty slice: clients see that it is known.
    const keep = free.shift();
    if (keep) update.push({ slice: keep, ports: [], endpoints: [] });
    else create.push({ ports: [], endpoints: [] });
  }
  return { create, update: update.filter((u) => differs(u, labels)), remove: free };
}

const differs = (u: SliceUpdate, labels: Readonly<Record<string, string>>): boolean =>
  !sameJson(u.endpoints, u.slice.endpoints ?? []) ||
  !sameJson(u.ports, u.slice.ports ?? []) ||
  !sameJson(labels, u.slice.metadata.labels);
