import type { ControllerRevision, Deployment, PodTemplateSpec, ReplicaSet } from '#api/kinds/index.ts';
import { builtinKinds } from '#api/kinds/index.ts';
import { formatLabelSelector } from '#api/meta/labels.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { strategicMerge } from '#api/patch/strategic-merge.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { REVISION, type Workload } from './workload.ts';

const CHANGE_CAUSE = 'kubernetes.io/change-cause';

/** An earlier state of a workload. */
export interface Revision {
  readonly number: number;
  readonly cause: string;
  readonly template: PodTemplateSpec;
  /** The ReplicaSet or ControllerRevision that keeps it. */
  readonly keeper: KubeObject;
}

const owned = (o: KubeObject, owner: KubeObject): boolean =>
  o.metadata?.ownerReferences?.some((r) => r.controller === true && r.uid === owner.metadata?.uid) ?? false;

async function keepers<T extends KubeObject>(ctx: CliContext, w: Workload, plural: string): Promise<T[]> {
  const { items } = await ctx.rest.json<{ items: T[] }>({
    path: `/apis/apps/v1/namespaces/${w.metadata?.namespace}/${plural}`,
    query: { labelSelector: formatLabelSelector(w.spec?.selector ?? {}) },
  });
  const kind = plural === 'replicasets' ? 'ReplicaSet' : 'ControllerRevision';
  return items.filter((i) => owned(i, w)).map((i) => ({ ...i, apiVersion: 'apps/v1', kind }));
}

const causeOf = (o: KubeObject): string => o.metadata?.annotations?.[CHANGE_CAUSE] || '<none>';

function ofSet(rs: ReplicaSet): Revision {
  const number = Number(rs.metadata?.annotations?.[REVISION] ?? 0);
  return { number, cause: causeOf(rs), template: rs.spec?.template ?? {}, keeper: rs };
}

/** The data of a ControllerRevision is a patch that makes the template what it was. */
function ofRevision(w: Workload, r: ControllerRevision): Revision {
  const kind = builtinKinds.find((k) => k.kind === w.kind && k.group === 'apps');
  if (!kind) throw new CliError(`${w.kind} keeps no revisions`);
  const before = strategicMerge(kind.schema, w, (r.data ?? {}) as Record<string, unknown>) as Workload;
  return { number: r.revision ?? 0, cause: causeOf(r), template: before.spec?.template ?? {}, keeper: r };
}

/** All revisions of a workload, oldest first. @throws CliError for kinds without any */
export async function revisionsOf(ctx: CliContext, w: Workload): Promise<Revision[]> {
  const found = await (async (): Promise<Revision[]> => {
    if (w.kind === 'Deployment') return (await keepers<ReplicaSet>(ctx, w as Deployment, 'replicasets')).map(ofSet);
    if (w.kind !== 'DaemonSet' && w.kind !== 'StatefulSet')
      throw new CliError(`no history viewer has been implemented for "${w.kind}"`);
    return (await keepers<ControllerRevision>(ctx, w, 'controllerrevisions')).map((r) => ofRevision(w, r));
  })();
  return found.sort((a, b) => a.number - b.number);
}

/** The revision of a number; 0 means the one before the last. @throws CliError when it is not there */
export function chosenRevision(all: readonly Revision[], number: number, name: string): Revision {
  const found = number === 0 ? all.at(-2) : all.find((r) => r.number === number);
  if (found) return found;
  throw new CliError(
    number === 0 ? `no rollout history found for ${name}` : `unable to find specified revision ${number} in history`,
  );
}
