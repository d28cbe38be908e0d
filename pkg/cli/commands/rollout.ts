import type { KubeObject } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import { pathOf, qualified } from '../api/discovery.ts';
import { lookAt, watchToItsEnd } from '../api/watch-lines.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { oneByOne } from '../interrupted.ts';
import { hasSources } from '../manifests.ts';
import { progressOf } from '../rollout/progress.ts';
import { failOnTrouble } from '../rollout/trouble.ts';
import { patch, REVISION, type RolloutFlags, read, STRATEGIC, type Verb } from '../rollout/workload.ts';
import { chosenObjects, type Named, namedTargets } from '../targets.ts';
import { parseSeconds } from './logs.ts';
import { report, targetLabel } from './write.ts';

/** Set on the template to make every pod anew, as kubectl does. */
const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';

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

async function restart(ctx: CliContext, c: Named, o: RolloutFlags): Promise<void> {
  const w = await read(ctx, c);
  if (!w.spec?.template) throw new CliError(`${c.resource.plural} "${c.name}" restarting is not supported`);
  if ((w.spec as { paused?: boolean }).paused)
    throw new CliError(
      `${qualified(c.resource)} "${c.name}" can't restart paused deployment (run rollout resume first)`,
    );
  const body = { spec: { template: { metadata: { annotations: { [RESTARTED_AT]: apiTime(Date.now()) } } } } };
  await report(ctx, o, c.resource, await patch(ctx, c, { contentType: STRATEGIC, body }, o), 'restarted');
}

const pausing =
  (paused: boolean): Verb =>
  async (ctx, c, o) => {
    const w = await read(ctx, c);
    if (w.kind !== 'Deployment') throw new CliError(`${qualified(c.resource)} "${c.name}" pausing is not supported`);
    const is = (w.spec as { paused?: boolean }).paused === true;
    if (is === paused)
      throw new CliError(`${qualified(c.resource)} "${c.name}" is ${paused ? 'already' : 'not'} paused`);
    await report(
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
  history: { act: async (...line) => (await import('../rollout/history.ts')).history(...line) },
  undo: { act: async (...line) => (await import('../rollout/history.ts')).undo(...line), left: 'not rolled back' },
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
