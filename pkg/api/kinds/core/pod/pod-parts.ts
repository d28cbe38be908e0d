import type { KindPart } from '../../../kind.ts';
import { sameJson } from '../../../meta/equal.ts';
import { type FieldError, forbidden, invalid } from '../../../meta/fielderrors.ts';
import { compareQuantities } from '../../../meta/quantity.ts';
import type { Container } from './container.ts';
import type { Pod } from './pod.ts';
import { qosClass } from './pod-qos.ts';
import { validatePodSpec } from './pod-validation.ts';
import { isSidecar } from './sidecars.ts';
import type { PodSpec } from './spec.ts';

const EMPTY: PodSpec = { containers: [] };
const MIRROR = 'kubernetes.io/config.mirror';
const isStatic = (pod: Pod): boolean => pod.metadata?.annotations?.[MIRROR] !== undefined;

function validateEphemeral(pod: Pod, old: Pod): FieldError[] {
  const path = 'spec.ephemeralContainers';
  if (isStatic(old)) return [forbidden(path, 'static pods do not support ephemeral containers')];
  const now = new Map((pod.spec?.ephemeralContainers ?? []).map((c) => [c.name, c]));
  const found = (old.spec?.ephemeralContainers ?? []).flatMap((c) => {
    const kept = now.get(c.name);
    if (kept && sameJson(kept, c)) return [];
    return [forbidden(path, `existing ephemeral containers "${c.name}" may not be ${kept ? 'changed' : 'removed'}\n`)];
  });
  return [...found, ...validatePodSpec('spec', pod.spec ?? EMPTY)];
}

type Resources = NonNullable<Container['resources']>;
const RESIZABLE: ReadonlySet<string> = new Set(['cpu', 'memory']);

function validateAmountChanges(path: string, now: Resources, before: Resources): FieldError[] {
  const found: FieldError[] = [];
  for (const list of ['limits', 'requests'] as const) {
    const [a, b] = [now[list] ?? {}, before[list] ?? {}];
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
      if (!RESIZABLE.has(name) && a[name] !== b[name])
        found.push(forbidden(`${path}.${list}`, 'only cpu and memory resources are mutable'));
      else if (a[name] === undefined) found.push(forbidden(`${path}.${list}`, `resource ${list} cannot be removed`));
    }
  }
  return found;
}

function validateContainer(path: string, now: Container, before: Container): FieldError[] {
  const [a, b] = [now.resources ?? {}, before.resources ?? {}];
  if (sameJson(a, b)) return [];
  const found = validateAmountChanges(`${path}.resources`, a, b);
  const [memory, had] = [a.limits?.memory, b.limits?.memory];
  const restarts = before.resizePolicy?.some(
    (p) => p.resourceName === 'memory' && p.restartPolicy === 'RestartContainer',
  );
  if (memory && had && compareQuantities(memory, had) < 0 && !restarts) {
    const why = 'memory limits cannot be decreased unless resizePolicy is RestartContainer';
    found.push(forbidden(`${path}.resources.limits`, why));
  }
  return found;
}

function validateResize(pod: Pod, old: Pod): FieldError[] {
  const [now, before] = [pod.spec ?? EMPTY, old.spec ?? EMPTY];
  if (isStatic(old)) return [forbidden('metadata', 'static pods cannot be resized')];
  const found = (before.containers ?? []).flatMap((c, i) =>
    validateContainer(`spec.containers[${i}]`, now.containers?.[i] ?? c, c),
  );
  for (const [i, c] of (before.initContainers ?? []).entries()) {
    const next = now.initContainers?.[i] ?? c;
    const at = `spec.initContainers[${i}]`;
    if (isSidecar(c)) found.push(...validateContainer(at, next, c));
    else if (!sameJson(next.resources, c.resources))
      found.push(forbidden(`${at}.resources`, 'resources for non-sidecar init containers are immutable'));
  }
  const qos = qosClass(now);
  if (qos !== (old.status?.qosClass ?? qosClass(before)))
    found.push(invalid('spec', qos, 'Pod QOS Class may not change as a result of resizing'));
  return found.length > 0 ? found : validatePodSpec('spec', now);
}

const withResources = (before: readonly Container[] | undefined, now: readonly Container[] | undefined): Container[] =>
  (before ?? []).map((c) => {
    const next = now?.find((n) => n.name === c.name);
    return next ? { ...c, resources: next.resources ?? {} } : c;
  });

/** Parts of a pod that have a subresource of their own: the only ways to change them. */
export const podParts: Readonly<Record<string, KindPart<Pod>>> = {
  /** "Ephemeral Containers": they are added to a running pod, and stay. */
  ephemeralcontainers: {
    lay: (next, old) => ({
      ...old,
      spec: { ...(old.spec ?? EMPTY), ephemeralContainers: next.spec?.ephemeralContainers ?? [] },
    }),
    validate: validateEphemeral,
  },
  /** "Resize CPU and Memory Resources assigned to Containers". */
  resize: {
    lay: (next, old) => ({
      ...old,
      spec: {
        ...(old.spec ?? EMPTY),
        containers: withResources(old.spec?.containers, next.spec?.containers),
        ...(old.spec?.initContainers
          ? { initContainers: withResources(old.spec.initContainers, next.spec?.initContainers) }
          : {}),
      },
    }),
    validate: validateResize,
  },
};
