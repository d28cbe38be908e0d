import { isSidecar } from '#api/kinds/core/pod/sidecars.ts';
import type { Container, Pod } from '#api/kinds/index.ts';
import { wholeValue } from '#api/meta/quantity.ts';

/** How many devices of each of these resources a container asks for; those it wants none of are left out. Pure. */
export function wantedBy(c: Container, isDevice: (resource: string) => boolean): Map<string, number> {
  const wanted = new Map<string, number>();
  for (const [resource, amount] of Object.entries(c.resources?.limits ?? {})) {
    const count = isDevice(resource) ? wholeValue(amount) : 0;
    if (count > 0) wanted.set(resource, count);
  }
  return wanted;
}

/** The containers in the order in which they get devices: what an init container had is for those after it. */
export const inOrder = (pod: Pod): { readonly container: Container; readonly passesOn: boolean }[] => [
  ...(pod.spec?.initContainers ?? []).map((container) => ({ container, passesOn: !isSidecar(container) })),
  ...(pod.spec?.containers ?? []).map((container) => ({ container, passesOn: false })),
];

/** A request that cannot be met, in the words of the field. */
export class DeviceError extends Error {}

/** What there is of a resource, and who has it. */
export interface Stock {
  readonly resource: string;
  /** Identifiers, and whether each is healthy. */
  readonly devices: ReadonlyMap<string, boolean>;
  readonly taken: ReadonlySet<string>;
  /** Of the same pod, free again by the time. */
  readonly reusable: readonly string[];
}

export interface Choice {
  /** To be given again. */
  readonly kept: readonly string[];
  /** May be given besides. */
  readonly free: readonly string[];
  /** How many, those that are kept among them. */
  readonly count: number;
}

/** From which devices to give `count`. Pure. @throws DeviceError when there are not as many */
export function choiceOf({ resource, devices, taken, reusable }: Stock, count: number): Choice {
  if (devices.size === 0 || ![...devices.values()].includes(true)) {
    throw new DeviceError(`no healthy devices present; cannot allocate unhealthy devices ${resource}`);
  }
  const kept = reusable.filter((id) => devices.get(id)).slice(0, count);
  const free = [...devices].flatMap(([id, healthy]) => (healthy && !taken.has(id) && !kept.includes(id) ? [id] : []));
  if (kept.length + free.length < count) {
    const words = `Requested: ${count}, Available: ${kept.length + free.length}`;
    throw new DeviceError(`requested number of devices unavailable for ${resource}. ${words}`);
  }
  return { kept, free, count };
}

/** The devices to give: those the plugin would choose, as far as it may, then any. Pure. */
export function settled({ kept, free, count }: Choice, preferred: readonly string[]): string[] {
  const liked = preferred.filter((id) => free.includes(id));
  return [...new Set([...kept, ...liked, ...free])].slice(0, count);
}
