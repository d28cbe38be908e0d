import { isNotFound } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ApiResource, apiVersionOf, pathOf } from '../api/discovery.ts';
import { type DeletionFlags, deleteBody, untilGone, withinTime } from '../commands/delete.ts';
import { label, suffix, type WriteFlags } from '../commands/write.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import type { Found } from '../targets.ts';
import { LAST_APPLIED } from './last-applied.ts';

export interface PruneFlags extends WriteFlags, DeletionFlags {
  readonly prune?: boolean;
  readonly all?: boolean;
  readonly selector?: string;
  readonly pruneAllowlist?: readonly string[];
  readonly applyset?: string;
}

/** What has been applied so far. */
export interface Applied {
  readonly uids: Set<string>;
  readonly namespaces: Set<string>;
}

/** Kinds that are pruned unless others are named, as kubectl has them. */
const USUAL =
  `core/v1/ConfigMap core/v1/Endpoints core/v1/Namespace core/v1/PersistentVolumeClaim core/v1/PersistentVolume core/v1/Pod
  core/v1/ReplicationController core/v1/Secret core/v1/Service batch/v1/Job batch/v1/CronJob networking.k8s.io/v1/Ingress
  apps/v1/DaemonSet apps/v1/Deployment apps/v1/ReplicaSet apps/v1/StatefulSet`.split(/\s+/);

/** @throws CliError for flags that do not go together */
export function checkPruning(o: PruneFlags): void {
  if (o.applyset) {
    if (!o.prune) throw new CliError('--applyset requires --prune');
    if (o.selector) throw new CliError('--selector is incompatible with --applyset');
    if (o.all) throw new CliError('--all is incompatible with --applyset');
    if (o.pruneAllowlist) throw new CliError('--prune-allowlist is incompatible with --applyset');
    return;
  }
  if (o.all && o.selector) throw new CliError('cannot set --all and --selector at the same time');
  if (o.prune && !o.all && !o.selector)
    throw new CliError(
      'all resources selected for prune without explicitly passing --all. To prune all resources, pass the --all flag. If you did not mean to prune all resources, specify a label selector',
    );
}

/** The kinds `--prune` deletes of. @throws CliError for one that is not there */
export async function kindsToPrune(ctx: CliContext, o: PruneFlags & { namespace?: string }): Promise<ApiResource[]> {
  const discovery = await ctx.discovery();
  const found: ApiResource[] = [];
  for (const text of o.pruneAllowlist ?? USUAL) {
    const [group = '', version = '', kind, extra] = text.split('/');
    if (!kind || extra !== undefined)
      throw new CliError(`invalid GroupVersionKind format: ${text}, please follow <group/version/kind>`);
    const apiVersion = apiVersionOf({ group: group === 'core' ? '' : group, version });
    const resource = await discovery.ofObject({ apiVersion, kind });
    // Who names a namespace means what is in it.
    if (o.pruneAllowlist || resource.namespaced || o.namespace === undefined) found.push(resource);
  }
  return found;
}

/** Deletes one object and tells of it. */
export async function pruneOne(
  ctx: CliContext,
  r: ApiResource,
  object: KubeObject,
  o: WriteFlags & DeletionFlags,
): Promise<void> {
  const { name = '', namespace } = object.metadata ?? {};
  if (o.dryRun !== 'client') {
    const body = {
      ...deleteBody(o),
      preconditions: { uid: object.metadata?.uid },
    };
    try {
      await ctx.rest.json({ method: 'DELETE', path: pathOf(r, namespace, name), body });
      const gone = o.wait === true && o.dryRun !== 'server';
      if (gone) await withinTime(untilGone(ctx, { resource: r, namespace, name }, object.metadata?.uid), o.timeout);
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  }
  ctx.out(o.output === 'name' ? `${label(r, name)}\n` : `${label(r, name)} pruned${suffix(o)}\n`);
}

/** What an apply has made before and what is not applied any more, as far as labels and kinds say. */
export async function* prunable(
  ctx: CliContext,
  kinds: readonly ApiResource[],
  applied: Applied,
  o: Pick<PruneFlags, 'selector'>,
): AsyncGenerator<Found> {
  for (const resource of kinds) {
    for (const namespace of resource.namespaced ? applied.namespaces : [undefined]) {
      const path = pathOf(resource, namespace);
      const { items } = await ctx.rest.json<{ items: KubeObject[] }>({ path, query: { labelSelector: o.selector } });
      for (const object of items) {
        const ours = object.metadata?.annotations?.[LAST_APPLIED] !== undefined;
        const going = object.metadata?.deletionTimestamp !== undefined && object.metadata.deletionTimestamp !== null;
        if (ours && !going && !applied.uids.has(object.metadata?.uid ?? '')) yield { resource, object };
      }
    }
  }
}

/** Deletes it. */
export async function prune(
  ctx: CliContext,
  kinds: readonly ApiResource[],
  applied: Applied,
  o: PruneFlags,
): Promise<void> {
  for await (const { resource, object } of prunable(ctx, kinds, applied, o)) await pruneOne(ctx, resource, object, o);
}
