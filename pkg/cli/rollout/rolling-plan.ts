import { createHash } from 'node:crypto';
import type { ReplicationController } from '#api/kinds/index.ts';
import { CliError } from '../errors.ts';

/** On the new controller: how many pods it is to have in the end. */
const DESIRED = 'kubectl.kubernetes.io/desired-replicas';
/** On the old one: how many it had before, and which controller takes its place. */
export const ORIGINAL = 'kubectl.kubernetes.io/original-replicas';
export const PARTNER = 'kubectl.kubernetes.io/next-controller-id';
/** Label by which the pods of a copy differ from those of the original. */
const DEPLOYMENT = 'deployment';

export const replicasOf = ({ spec }: ReplicationController): number => spec?.replicas ?? 1;
/** The status may still tell of pods that are to go. */
const readyOf = (c: ReplicationController): number => Math.min(c.status?.readyReplicas ?? 0, replicasOf(c));
const nameOf = ({ metadata }: ReplicationController): string => metadata?.name ?? '';

/** How many pods the new one is to have, as it was told when it was made. @param otherwise of one that somebody else made */
export function desiredOf({ metadata }: ReplicationController, otherwise: number): number {
  const said = Number(metadata?.annotations?.[DESIRED] ?? Number.NaN);
  return Number.isInteger(said) ? said : otherwise;
}

export type Step = { readonly scale: 'old' | 'new'; readonly to: number } | 'wait' | 'done';

/**
 * The next step from one controller to the other: never fewer than `desired` pods are ready because of it, never more than
 * one beyond them are there. Pure.
 */
export function nextStep(old: ReplicationController, next: ReplicationController, desired: number): Step {
  const [left, made] = [replicasOf(old), replicasOf(next)];
  if (left === 0 && made === desired) return readyOf(next) >= desired ? 'done' : 'wait';
  const most = Math.min(desired, Math.max(made, desired + 1 - left));
  if (made !== most) return { scale: 'new', to: most };
  // Pods that are not ready serve nobody.
  const spare = readyOf(old) + readyOf(next) - desired + Math.max(0, left - readyOf(old));
  const to = made === desired && readyOf(next) >= desired ? 0 : Math.max(0, left - Math.max(0, spare));
  return to < left ? { scale: 'old', to } : 'wait';
}

const fingerprint = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 10);

/** A copy of the controller whose container has another image, with no pods yet. Pure. @throws CliError */
export function withImage(
  old: ReplicationController,
  o: { readonly name: string; readonly image: string; readonly container?: string | undefined },
): ReplicationController {
  const containers = old.spec?.template?.spec?.containers ?? [];
  if (containers.length > 1 && !o.container)
    throw new CliError('must specify --container when the pods have more than one container');
  const chosen = containers.find((c) => !o.container || c.name === o.container);
  if (!chosen) throw new CliError(`container "${o.container}" not found in ${nameOf(old)}`);
  const template = structuredClone(old.spec?.template ?? {}) as NonNullable<
    NonNullable<ReplicationController['spec']>['template']
  >;
  const changed = containers.map((c) => (c === chosen ? { ...c, image: o.image } : c));
  const label = { [DEPLOYMENT]: fingerprint([o.name, changed]) };
  return {
    apiVersion: 'v1',
    kind: 'ReplicationController',
    metadata: { name: o.name, labels: { ...old.metadata?.labels } },
    spec: {
      ...old.spec,
      selector: { ...old.spec?.selector, ...label },
      template: {
        ...template,
        metadata: { ...template.metadata, labels: { ...template.metadata?.labels, ...label } },
        spec: { ...template.spec, containers: changed },
      },
    },
  } as ReplicationController;
}

/** The new controller as it is to be made: without pods, and knowing how many it shall have. Pure. @throws CliError */
export function asSuccessor(
  next: ReplicationController,
  old: ReplicationController,
  source: string,
): ReplicationController {
  if (nameOf(next) === nameOf(old))
    throw new CliError(`${source} cannot have the same name as the existing ReplicationController ${nameOf(old)}`);
  const mine = next.spec?.selector ?? next.spec?.template?.metadata?.labels ?? {};
  const differs = Object.entries(old.spec?.selector ?? {}).some(([k, v]) => k in mine && mine[k] !== v);
  const adds = Object.keys(mine).some((k) => !(k in (old.spec?.selector ?? {})));
  if (!differs && !adds)
    throw new CliError(`${source} must specify a selector that differs from that of ${nameOf(old)}`);
  const desired = next.spec?.replicas ?? replicasOf(old);
  const annotations = { ...next.metadata?.annotations, [DESIRED]: String(desired) };
  return { ...next, metadata: { ...next.metadata, annotations }, spec: { ...next.spec, replicas: 0 } };
}
