import type { Kind } from '#api/kind.ts';
import { CLUSTER } from './samples/cluster.ts';
import { CORE } from './samples/core.ts';
import { EXTENSION } from './samples/extension.ts';
import type { Sample } from './samples/shared.ts';
import { WORKLOADS } from './samples/workloads.ts';

export type { Sample } from './samples/shared.ts';

/** By plural and group. A kind that can be created and deleted must have one: the lifecycle test sees to it. */
export const SAMPLES: Readonly<Record<string, Sample>> = { ...CORE, ...WORKLOADS, ...CLUSTER, ...EXTENSION };

export const sampleOf = (kind: Kind): Sample | undefined => SAMPLES[`${kind.plural}.${kind.group}`];

/** Names that no other object has; some kinds prescribe them. */
export function named(
  kind: Kind,
  name: string,
): { apiVersion: string; kind: string; metadata: { name: string } } & object {
  const { metadata, ...rest } = (sampleOf(kind)?.good ?? {}) as { metadata?: object };
  const apiVersion = kind.group ? `${kind.group}/${kind.version}` : kind.version;
  return structuredClone({ apiVersion, kind: kind.kind, metadata: { name, ...metadata }, ...rest });
}

/** Where the objects of a kind are; those in namespaces in one of their own. */
export const NAMESPACE = 'contract';
export function collectionOf(kind: Kind): string {
  const root = kind.group ? `/apis/${kind.group}/${kind.version}` : `/api/${kind.version}`;
  return `${root}${kind.namespaced ? `/namespaces/${NAMESPACE}` : ''}/${kind.plural}`;
}
