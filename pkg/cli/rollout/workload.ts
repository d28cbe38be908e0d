import type { PodTemplateSpec } from '#api/kinds/index.ts';
import type { LabelSelectorLike } from '#api/meta/labels.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { pathOf } from '../api/discovery.ts';
import type { WriteFlags } from '../commands/write.ts';
import type { CliContext } from '../context.ts';
import type { Named } from '../targets.ts';

export interface RolloutFlags extends WriteFlags {
  readonly selector?: string;
  readonly watch?: boolean;
  readonly timeout?: string;
  readonly revision?: string;
  readonly toRevision?: number;
}

/** "Deployments › Rollover": the revision a ReplicaSet stands for. */
export const REVISION = 'deployment.kubernetes.io/revision';
export const STRATEGIC = 'application/strategic-merge-patch+json';

export type Workload = KubeObject & { spec?: { selector?: LabelSelectorLike; template?: PodTemplateSpec } };

/** What is done with a workload. */
export type Verb = (ctx: CliContext, c: Named, o: RolloutFlags) => Promise<void>;

export const read = (ctx: CliContext, c: Named): Promise<Workload> =>
  ctx.rest.json<Workload>({ path: pathOf(c.resource, c.namespace, c.name) });

export function patch(
  ctx: CliContext,
  c: Named,
  { contentType, body }: { contentType: string; body: unknown },
  o: RolloutFlags,
): Promise<KubeObject> {
  const path = pathOf(c.resource, c.namespace, c.name);
  return ctx.rest.json<KubeObject>({
    method: 'PATCH',
    path,
    contentType,
    query: { fieldManager: o.fieldManager ?? 'kubectl-rollout', ...(o.dryRun === 'server' ? { dryRun: 'All' } : {}) },
    body,
  });
}
