import { once } from 'node:events';
import { isNotFound } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { pathOf } from '../api/discovery.ts';
import { lookAt, watchToItsEnd } from '../api/watch-lines.ts';
import type { CliContext } from '../context.ts';
import { CliError, sentence } from '../errors.ts';
import { INTERRUPTED, Interrupted, interrupted, isCut, oneByOne } from '../interrupted.ts';
import { ALL_AND_SELECTOR, chosenObjects, type Named, namedTargets, refuseAllAndSelector } from '../targets.ts';
import { type AskFlags, askOrStop, canAsk, contextInUse } from '../terminal/confirm.ts';
import { WaitingLine } from '../terminal/screen.ts';
import { parseSeconds } from './logs.ts';
import { label, suffix, type WriteFlags } from './write.ts';

/** How objects are deleted. */
export interface DeletionFlags {
  readonly force?: boolean;
  readonly gracePeriod?: string;
  readonly wait?: boolean;
  readonly cascade?: string;
  readonly timeout?: string;
}

export interface DeleteFlags extends WriteFlags, AskFlags, DeletionFlags {
  readonly selector?: string;
  readonly all?: boolean;
  readonly allNamespaces?: boolean;
  readonly now?: boolean;
  readonly ignoreNotFound?: boolean;
  readonly fieldSelector?: string;
  readonly raw?: string;
  readonly interactive?: boolean;
}

const POLICIES: Record<string, string> = {
  background: 'Background',
  foreground: 'Foreground',
  orphan: 'Orphan',
  true: 'Background',
  false: 'Orphan',
};

/** Of the flags of a command, those about what it deletes on its way. */
export const deletionIn = ({ cascade, timeout, gracePeriod, force }: DeletionFlags): DeletionFlags => ({
  ...(cascade === undefined ? {} : { cascade }),
  ...(timeout === undefined ? {} : { timeout }),
  ...(gracePeriod === undefined ? {} : { gracePeriod, force: force === true && Number(gracePeriod) === 0 }),
});

/** Seconds processes get to end; below zero: what their pods say. @throws CliError for flags that contradict each other */
function graceOf(o: DeletionFlags & { readonly now?: boolean }): number {
  const given = o.gracePeriod === undefined ? -1 : Number(o.gracePeriod);
  if (!Number.isInteger(given)) throw new CliError(`--grace-period: "${o.gracePeriod}" is no number of seconds`);
  if (o.now && given >= 0) throw new CliError('--now and --grace-period cannot be specified together');
  const wanted = o.now ? 1 : given;
  if (!o.force) return wanted === 0 ? 1 : wanted;
  if (wanted > 0) throw new CliError('--force and --grace-period greater than 0 cannot be specified together');
  return 0;
}

/** The options of a deletion, as they are sent. @throws CliError for flags that make no sense */
export function deleteBody(o: DeletionFlags & { now?: boolean; dryRun?: string }): Record<string, unknown> {
  const propagationPolicy = POLICIES[o.cascade ?? 'background'];
  if (!propagationPolicy)
    throw new CliError(`invalid cascade value (${o.cascade}). Must be "background", "foreground", or "orphan"`);
  const grace = graceOf(o);
  return {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    propagationPolicy,
    ...(grace < 0 ? {} : { gracePeriodSeconds: grace }),
    ...(o.dryRun === 'server' ? { dryRun: ['All'] } : {}),
  };
}

const nameText = (d: Named): string =>
  `${d.resource.group ? `${d.resource.singular}.${d.resource.group}` : d.resource.singular} "${d.name}"`;

/** Deletes one object. @returns what to wait for: its uid */
async function deleteOne(
  ctx: CliContext,
  d: Named,
  body: Record<string, unknown>,
  o: DeleteFlags,
): Promise<string | undefined> {
  const path = pathOf(d.resource, d.namespace, d.name);
  const answer =
    o.dryRun === 'client'
      ? {}
      : await ctx.rest.json<KubeObject & { details?: { uid?: string } }>({ method: 'DELETE', path, body });
  const done = o.force && body.gracePeriodSeconds === 0 ? 'force deleted' : 'deleted';
  ctx.out(o.output === 'name' ? `${label(d.resource, d.name)}\n` : `${nameText(d)} ${done}${suffix(o)}\n`);
  return answer.metadata?.uid ?? answer.details?.uid;
}

/** More lines of a preview than this nobody reads. */
const PREVIEW = 20;
/** Kinds of which one takes much with it. */
const GRAVE = new Set([
  'namespaces',
  'customresourcedefinitions',
  'nodes',
  'persistentvolumes',
  'persistentvolumeclaims',
]);

/** Shows what will be deleted, and asks when it is much or the context is protected. @throws CliError unless the answer is yes */
async function askFirst(ctx: CliContext, all: readonly Named[], o: DeleteFlags): Promise<void> {
  const { name, isProtected } = await contextInUse(o);
  if (!isProtected && all.length < 2 && !all.some((d) => GRAVE.has(d.resource.plural))) return;
  const lines = all
    .slice(0, PREVIEW)
    .map((d) => `  ${nameText(d)}${d.namespace ? ` in namespace ${d.namespace}` : ''}\n`);
  const more = all.length > PREVIEW ? `  … and ${all.length - PREVIEW} more\n` : '';
  const what = all.length === 1 ? 'this object' : `these ${all.length} objects`;
  ctx.out(`${lines.join('')}${more}`);
  await askOrStop(ctx, `Delete ${what} of context "${name}"${isProtected ? ', which is protected' : ''}?`);
}

/** --interactive: shows what will be deleted and asks, whoever answers. */
async function confirmed(ctx: CliContext, all: readonly Named[]): Promise<boolean> {
  const lines = all.map((d) => `${label(d.resource, d.name)}\n`).join('');
  ctx.out(`You are about to delete the following ${all.length} resource(s):\n${lines}`);
  const { createInterface } = await import('node:readline');
  const reader = createInterface({ input: process.stdin });
  ctx.out('Do you want to continue? (y/n): ');
  const { signal } = ctx;
  const heard = Promise.race([once(reader, 'line', { signal }), once(reader, 'close', { signal })]);
  const [answer = ''] = (await heard) as [string?];
  reader.close();
  if (/^y(es)?$/i.test(answer.trim())) return true;
  ctx.out('deletion is cancelled\n');
  return false;
}

/** `cox delete`: by default waits until the objects are really gone. @returns the exit code */
export async function deleteObjects(ctx: CliContext, args: readonly string[], o: DeleteFlags): Promise<number> {
  if (o.raw) {
    await (await import('./raw.ts')).rawRequest(ctx, 'DELETE', o.raw, o.filename);
    return 0;
  }
  const body = deleteBody(o);
  if (o.output && o.output !== 'name')
    throw new CliError(`unexpected -o output mode: ${o.output}. We only support '-o name'`);
  refuseAllAndSelector(o, ALL_AND_SELECTOR);
  if (o.all && args.some((a) => a.includes('/')))
    throw new CliError('selectors and the all flag cannot be used when passing resource/name arguments');
  if (o.all && args.length > 1) throw new CliError('name cannot be provided when a selector is specified');
  const all = await namedTargets(ctx, await chosenObjects(ctx, args, o), o);
  if (o.interactive && all.length > 0 && !(await confirmed(ctx, all))) return 0;
  if (all.length === 0) ctx.out('No resources found\n');
  else if (!o.interactive && (o.dryRun ?? 'none') === 'none' && canAsk(o)) await askFirst(ctx, all, o);
  if (o.force) {
    ctx.err(
      'Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.\n',
    );
  }
  if (ctx.namespaceGiven && all.some((d) => !d.resource.namespaced))
    ctx.err('Warning: deleting cluster-scoped resources, not scoped to the provided namespace\n');
  const waits: Promise<void>[] = [];
  const going = new Set<Named>();
  let code = 0;
  const stopped = await oneByOne(ctx, { all, nameOf: nameText, left: 'not deleted' }, async (d) => {
    try {
      const uid = await deleteOne(ctx, d, body, o);
      if (o.wait === false || (o.dryRun ?? 'none') !== 'none') return;
      going.add(d);
      const gone = untilGone(ctx, d, uid).then(() => void going.delete(d), onlyFailure(ctx));
      // It may fail while others are still being deleted, before anybody waits for it.
      gone.catch(() => undefined);
      waits.push(gone);
    } catch (e) {
      if (o.ignoreNotFound && isNotFound(e)) return;
      if (isCut(ctx, e)) throw e;
      code = 1;
      ctx.err(`${sentence(e)}\n`);
    }
  });
  const line = new WaitingLine(process.stderr);
  let left = waits.length;
  const tell = (): void => line.show(`Waiting for ${left} of ${waits.length} to be gone …`);
  if (left > 0) tell();
  const each = waits.map((w) => w.finally(() => (--left > 0 ? tell() : line.clear())));
  await withinTime(Promise.all(each), o.timeout).finally(() => line.clear());
  return ctx.signal.aborted ? interrupted(ctx, [...going].map(nameText), 'deleted, but not gone yet') : stopped || code;
}

/** Deletes what is about to be made anew, and waits until it is gone. @throws CliError when that is interrupted, which is told */
export async function makeWay(ctx: CliContext, what: string, o: DeletionFlags & { quiet?: boolean }): Promise<void> {
  const telling = o.quiet ? { ...ctx, out: () => {}, err: () => {} } : ctx;
  const code = await deleteObjects(telling, [what], { ...deletionIn(o), ignoreNotFound: true, yes: true });
  if (code !== INTERRUPTED) return;
  interrupted(ctx, [what], 'deleted, but not made anew');
  throw new Interrupted();
}

/** What is done with the failure of something that may be interrupted: only others are passed on. */
const onlyFailure =
  (ctx: CliContext) =>
  (e: unknown): void => {
    if (!isCut(ctx, e)) throw e;
  };

/** @param timeout such as "30s"; zero for no limit. @throws CliError for work that takes longer */
export async function withinTime(work: Promise<unknown>, timeout = '0s'): Promise<void> {
  const seconds = parseSeconds(timeout);
  if (seconds <= 0) return void (await work);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new CliError('timed out waiting for the condition')), seconds * 1000);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Watches one object until it is gone or replaced by another of the same name. @throws CliError when interrupted */
export async function untilGone(ctx: CliContext, d: Named, uid: string | undefined): Promise<void> {
  for (;;) {
    if (ctx.signal.aborted) throw new Interrupted();
    const path = pathOf(d.resource, d.namespace);
    const { object, query } = await lookAt<KubeObject>(ctx.rest, path, d.name);
    if (!object || (uid && object.metadata?.uid !== uid)) return;
    const events = watchToItsEnd(ctx.rest, { path, query, signal: ctx.signal });
    for await (const e of events) if (e.type === 'DELETED') return;
  }
}
