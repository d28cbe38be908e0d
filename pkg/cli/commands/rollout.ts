import { sameJson } from '#api/meta/equal.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import { pathOf } from '../api/discovery.ts';
import { lookAt, watchToItsEnd } from '../api/watch-lines.ts';
import type { CliContext } from '../context.ts';
import { podTemplate } from '../describe/workloads.ts';
import { DescriptionWriter } from '../describe/writer.ts';
import { CliError } from '../errors.ts';
import { oneByOne } from '../interrupted.ts';
import { hasSources } from '../manifests.ts';
import { alignTabs } from '../output/tab-writer.ts';
import { progressOf } from '../rollout/progress.ts';
import { chosenRevision, REVISION, type Revision, revisionsOf, type Workload } from '../rollout/revisions.ts';
import { failOnTrouble } from '../rollout/trouble.ts';
import { chosenObjects, type Named, namedTargets } from '../targets.ts';
import { parseSeconds } from './logs.ts';
import { label, report, suffix, targetLabel, type WriteFlags } from './write.ts';

export interface RolloutFlags extends WriteFlags {
  readonly selector?: string;
  readonly watch?: boolean;
  readonly timeout?: string;
  readonly revision?: string;
  readonly toRevision?: number;
}

const STRATEGIC = 'application/strategic-merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';
/** Set on the template to make every pod anew, as kubectl does. */
const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';

type Verb = (ctx: CliContext, c: Named, o: RolloutFlags) => Promise<void>;

const read = (ctx: CliContext, c: Named): Promise<Workload> =>
  ctx.rest.json<Workload>({ path: pathOf(c.resource, c.namespace, c.name) });

function patch(
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

/** Follows a roll-out until it ends, or until one of its pods shows that it will not. */
async function status(ctx: CliContext, c: Named, o: RolloutFlags): Promise<void> {
  const over = new AbortController();
  const following = { ...ctx, signal: AbortSignal.any([ctx.signal, over.signal]) };
  const trouble =
    o.watch === false ? new Promise<void>(() => {}) : failOnTrouble(ctx, () => read(ctx, c), following.signal);
  try {
    await Promise.race([follow(following, c, o), trouble.then(() => new Promise<void>(() => {}))]);
  } finally {
    over.abort();
    trouble.catch(() => undefined);
  }
}

/** Follows a roll-out by watch, one line per change, until it ends. */
async function follow(ctx: CliContext, c: Named, o: RolloutFlags): Promise<void> {
  const seconds = parseSeconds(o.timeout ?? '0s');
  const signal = seconds > 0 ? AbortSignal.any([ctx.signal, AbortSignal.timeout(seconds * 1000)]) : ctx.signal;
  let last = '';
  const tell = (w: KubeObject): boolean => {
    const progress = progressOf(w);
    if (progress.text !== last) ctx.out(progress.text);
    last = progress.text;
    return progress.done || o.watch === false;
  };
  let current = await read(ctx, c);
  const wanted = Number(o.revision ?? 0);
  const is = Number(current.metadata?.annotations?.[REVISION] ?? 0);
  if (wanted > 0 && current.kind === 'Deployment' && is !== wanted)
    throw new CliError(`desired revision (${wanted}) is different from the running revision (${is})`);
  while (!tell(current)) {
    const path = pathOf(c.resource, c.namespace);
    const { object, query } = await lookAt<KubeObject>(ctx.rest, path, c.name);
    if (!object) throw new CliError('object has been deleted');
    if (tell({ ...current, ...object })) return;
    for await (const e of watchToItsEnd(ctx.rest, { path, query, signal })) {
      if (e.type === 'DELETED') throw new CliError('object has been deleted');
      if (tell(e.object as KubeObject)) return;
    }
    if (ctx.signal.aborted) return;
    if (signal.aborted) throw new CliError('timed out waiting for the condition');
    current = await read(ctx, c);
  }
}

/** A ReplicaSet of a Deployment, a ControllerRevision of other workloads. */
const keeperResource = ({ resource }: Named, { kind }: KubeObject): Named['resource'] => ({
  ...resource,
  singular: (kind ?? '').toLowerCase(),
});

async function history(ctx: CliContext, c: Named, o: RolloutFlags): Promise<void> {
  const all = await revisionsOf(ctx, await read(ctx, c));
  const name = label(c.resource, c.name);
  const wanted = Number(o.revision ?? 0);
  if (wanted > 0 && !all.some((r) => r.number === wanted)) throw new CliError('unable to find the specified revision');
  if (o.output) {
    const shown = wanted > 0 ? [chosenRevision(all, wanted, name)] : all;
    for (const { keeper } of shown) report(ctx, { ...o, dryRun: 'none' }, keeperResource(c, keeper), keeper, '');
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

async function undo(ctx: CliContext, c: Named, o: RolloutFlags): Promise<void> {
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
  report(ctx, o, c.resource, after, 'rolled back');
}

async function restart(ctx: CliContext, c: Named, o: RolloutFlags): Promise<void> {
  const w = await read(ctx, c);
  if (!w.spec?.template) throw new CliError(`${c.resource.plural} "${c.name}" restarting is not supported`);
  if ((w.spec as { paused?: boolean }).paused)
    throw new CliError(`can't restart paused deployment (run rollout resume first)`);
  const body = { spec: { template: { metadata: { annotations: { [RESTARTED_AT]: apiTime(Date.now()) } } } } };
  report(ctx, o, c.resource, await patch(ctx, c, { contentType: STRATEGIC, body }, o), 'restarted');
}

const pausing =
  (paused: boolean): Verb =>
  async (ctx, c, o) => {
    const w = await read(ctx, c);
    if (w.kind !== 'Deployment')
      throw new CliError(`${c.resource.plural}.${c.resource.group} "${c.name}" pausing is not supported`);
    const is = (w.spec as { paused?: boolean }).paused === true;
    if (is === paused)
      throw new CliError(
        `${c.resource.plural}.${c.resource.group} "${c.name}" is ${paused ? 'already' : 'not'} paused`,
      );
    report(
      ctx,
      o,
      c.resource,
      await patch(ctx, c, { contentType: STRATEGIC, body: { spec: { paused: paused || null } } }, o),
      paused ? 'paused' : 'resumed',
    );
  };

/** What each does, and what is told of those that an interrupt leaves out. */
const VERBS: Readonly<Record<string, { readonly act: Verb; readonly left?: string }>> = {
  status: { act: status },
  history: { act: history },
  undo: { act: undo, left: 'not rolled back' },
  restart: { act: restart, left: 'not restarted' },
  pause: { act: pausing(true), left: 'not paused' },
  resume: { act: pausing(false), left: 'not resumed' },
};

/** `cox rollout VERB TYPE/NAME`. @returns the exit code. @throws CliError */
export async function rollout(
  ctx: CliContext,
  verb: string,
  args: readonly string[],
  o: RolloutFlags,
): Promise<number> {
  const known = VERBS[verb];
  if (!known) throw new CliError(`unknown command "rollout ${verb}"`);
  if (args.length === 0 && !hasSources(o)) throw new CliError('required resource not specified: TYPE/NAME');
  // A type alone means all of its objects.
  const all = { selector: o.selector, all: true };
  const targets = await namedTargets(ctx, await chosenObjects(ctx, args, o), all);
  if (targets.length === 0) ctx.err(`No resources found in ${ctx.namespace} namespace.\n`);
  return oneByOne(ctx, { all: targets, nameOf: targetLabel, left: known.left }, (c) => known.act(ctx, c, o));
}
