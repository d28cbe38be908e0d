import { sameJson } from '#api/meta/equal.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { label, report, suffix } from '../commands/write.ts';
import type { CliContext } from '../context.ts';
import { podTemplate } from '../describe/workloads.ts';
import { DescriptionWriter } from '../describe/writer.ts';
import { CliError } from '../errors.ts';
import { alignTabs } from '../output/tab-writer.ts';
import type { Named } from '../targets.ts';
import { chosenRevision, type Revision, revisionsOf } from './revisions.ts';
import { patch, REVISION, type RolloutFlags, read, STRATEGIC, type Workload } from './workload.ts';

const JSON_PATCH = 'application/json-patch+json';

/** A ReplicaSet of a Deployment, a ControllerRevision of other workloads. */
const keeperResource = ({ resource }: Named, { kind }: KubeObject): Named['resource'] => ({
  ...resource,
  singular: (kind ?? '').toLowerCase(),
});

/** `cox rollout history` */
export async function history(ctx: CliContext, c: Named, o: RolloutFlags): Promise<void> {
  const all = await revisionsOf(ctx, await read(ctx, c));
  const name = label(c.resource, c.name);
  const wanted = Number(o.revision ?? 0);
  if (wanted > 0 && !all.some((r) => r.number === wanted)) throw new CliError('unable to find the specified revision');
  if (o.output) {
    const shown = wanted > 0 ? [chosenRevision(all, wanted, name)] : all;
    for (const { keeper } of shown) await report(ctx, { ...o, dryRun: 'none' }, keeperResource(c, keeper), keeper, '');
    return;
  }
  if (wanted > 0) {
    const w = new DescriptionWriter();
    podTemplate(w, chosenRevision(all, wanted, name).template);
    ctx.out(`${name} with revision #${wanted}\n${w.toString()}\n`);
    return;
  }
  const rows = all.map((r) => `${r.number}\t${r.cause}`);
  ctx.out(`${name} \n${alignTabs(['REVISION\tCHANGE-CAUSE', ...rows].join('\n'))}\n\n`);
}

/** Bookkeeping of the Deployment itself, which a roll-back must not bring back. */
const KEPT = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  'deployment.kubernetes.io/revision-history',
  'deployment.kubernetes.io/desired-replicas',
  'deployment.kubernetes.io/max-replicas',
  'deprecated.deployment.rollback.to',
]);

function rolledBackAnnotations(w: Workload, r: Revision): Record<string, string> {
  const of = (o: KubeObject, kept: boolean): [string, string][] =>
    Object.entries(o.metadata?.annotations ?? {}).filter(([k]) => KEPT.has(k) === kept);
  return Object.fromEntries([...of(w, true), ...of(r.keeper, false)]);
}

function withoutHash(r: Revision['template']): Revision['template'] {
  const { 'pod-template-hash': _h, ...labels } = r.metadata?.labels ?? {};
  return { ...r, metadata: { ...r.metadata, labels } };
}

/** `cox rollout undo` */
export async function undo(ctx: CliContext, c: Named, o: RolloutFlags): Promise<void> {
  const w = await read(ctx, c);
  const name = label(c.resource, c.name);
  if (!w.spec?.template) throw new CliError(`no rollbacker has been implemented for "${w.kind}"`);
  if ((w.spec as { paused?: boolean }).paused)
    throw new CliError(
      `you cannot rollback a paused deployment; resume it first with 'cox rollout resume ${name}' and try again`,
    );
  const revision = chosenRevision(await revisionsOf(ctx, w), o.toRevision ?? 0, `${c.resource.singular} "${c.name}"`);
  const template = withoutHash(revision.template);
  if (o.dryRun === 'client') {
    const w = new DescriptionWriter();
    podTemplate(w, revision.template);
    ctx.out(`${name} ${w.toString()}${suffix(o)}\n`);
    return;
  }
  if (sameJson(template, w.spec?.template)) {
    ctx.out(`${name} skipped rollback (current template already matches revision ${revision.number})\n`);
    return;
  }
  const body =
    w.kind === 'Deployment'
      ? [
          { op: 'replace', path: '/spec/template', value: template },
          { op: 'replace', path: '/metadata/annotations', value: rolledBackAnnotations(w, revision) },
        ]
      : (revision.keeper as { data?: unknown }).data;
  const after = await patch(ctx, c, { contentType: w.kind === 'Deployment' ? JSON_PATCH : STRATEGIC, body }, o);
  await report(ctx, o, c.resource, after, 'rolled back');
}
