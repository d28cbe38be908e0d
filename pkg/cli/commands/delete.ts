import { isNotFound } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ApiResource, pathOf } from '../api/discovery.ts';
import { watchLines } from '../api/watch-lines.ts';
import type { CliContext } from '../context.ts';
import { CliError, sentence } from '../errors.ts';
import { type Manifest, readManifests, resourceOf } from '../manifests.ts';
import { parseTargets, type Target } from '../targets.ts';
import { parseSeconds } from './logs.ts';
import { label, suffix, type WriteFlags } from './write.ts';

export interface DeleteFlags extends WriteFlags {
  readonly selector?: string;
  readonly all?: boolean;
  readonly allNamespaces?: boolean;
  readonly force?: boolean;
  readonly gracePeriod?: string;
  readonly now?: boolean;
  readonly wait?: boolean;
  readonly cascade?: string;
  readonly ignoreNotFound?: boolean;
  readonly fieldSelector?: string;
  readonly timeout?: string;
}

const POLICIES: Record<string, string> = {
  background: 'Background',
  foreground: 'Foreground',
  orphan: 'Orphan',
  true: 'Background',
  false: 'Orphan',
};

function deleteBody(o: DeleteFlags): Record<string, unknown> {
  const propagationPolicy = POLICIES[o.cascade ?? 'background'];
  if (!propagationPolicy)
    throw new CliError(`invalid cascade value (${o.cascade}). Must be "background", "foreground", or "orphan"`);
  const grace =
    o.force && o.gracePeriod === undefined
      ? 0
      : o.now
        ? 1
        : o.gracePeriod === undefined
          ? undefined
          : Number(o.gracePeriod);
  if (grace === 0 && !o.force)
    throw new CliError('--grace-period=0 needs --force: the objects may live on although they are gone from the API');
  return {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    propagationPolicy,
    ...(grace === undefined || grace < 0 ? {} : { gracePeriodSeconds: grace }),
    ...(o.dryRun === 'server' ? { dryRun: ['All'] } : {}),
  };
}

interface Doomed {
  readonly resource: ApiResource;
  readonly namespace: string | undefined;
  readonly name: string;
}

async function doomed(ctx: CliContext, args: readonly string[], o: DeleteFlags): Promise<Doomed[]> {
  const discovery = await ctx.discovery();
  if (o.filename) {
    const of = async (m: Manifest): Promise<Doomed> => {
      const resource = await resourceOf(discovery, m);
      const { namespace = ctx.namespace, name = '' } = m.object.metadata ?? {};
      return { resource, namespace: resource.namespaced ? namespace : undefined, name };
    };
    return Promise.all(readManifests(o.filename, o.recursive).map(of));
  }
  const found: Doomed[] = [];
  for (const t of await parseTargets(args, discovery)) found.push(...(await expand(ctx, t, o)));
  return found;
}

async function expand(ctx: CliContext, t: Target, o: DeleteFlags): Promise<Doomed[]> {
  const namespace = t.resource.namespaced && !o.allNamespaces ? ctx.namespace : undefined;
  if (t.name) return [{ resource: t.resource, namespace, name: t.name }];
  if (!o.all && !o.selector && !o.fieldSelector)
    throw new CliError('resource(s) were provided, but no name was specified');
  const list = await ctx.rest.json<{ items: KubeObject[] }>({
    path: pathOf(t.resource, namespace),
    query: { labelSelector: o.selector, fieldSelector: o.fieldSelector },
  });
  return list.items.map((i) => ({
    resource: t.resource,
    namespace: i.metadata?.namespace,
    name: i.metadata?.name ?? '',
  }));
}

const nameText = (d: Doomed): string =>
  `${d.resource.group ? `${d.resource.singular}.${d.resource.group}` : d.resource.singular} "${d.name}"`;

/** Deletes one object. @returns what to wait for: its uid */
async function deleteOne(
  ctx: CliContext,
  d: Doomed,
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

/** `cox delete`: by default waits until the objects are really gone. @returns the exit code */
export async function deleteObjects(ctx: CliContext, args: readonly string[], o: DeleteFlags): Promise<number> {
  const body = deleteBody(o);
  const all = await doomed(ctx, args, o);
  if (all.length === 0) ctx.out('No resources found\n');
  if (o.force) {
    ctx.err(
      'Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated.\n',
    );
  }
  const waits: Promise<void>[] = [];
  let code = 0;
  for (const d of all) {
    try {
      const uid = await deleteOne(ctx, d, body, o);
      if (o.wait !== false && (o.dryRun ?? 'none') === 'none') waits.push(untilGone(ctx, d, uid));
    } catch (e) {
      if (o.ignoreNotFound && isNotFound(e)) continue;
      code = 1;
      ctx.err(`${sentence(e)}\n`);
    }
  }
  await withinTime(Promise.all(waits), parseSeconds(o.timeout ?? '0s'));
  return code;
}

/** @param seconds 0 for no limit */
async function withinTime(work: Promise<unknown>, seconds: number): Promise<void> {
  if (seconds <= 0) return void (await work);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new CliError('timed out waiting for the condition')), seconds * 1000);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Watches one object until it is gone or replaced by another of the same name. */
async function untilGone(ctx: CliContext, d: Doomed, uid: string | undefined): Promise<void> {
  while (!ctx.signal.aborted) {
    let current: KubeObject;
    try {
      current = await ctx.rest.json<KubeObject>({ path: pathOf(d.resource, d.namespace, d.name) });
    } catch (e) {
      if (isNotFound(e)) return;
      throw e;
    }
    if (uid && current.metadata?.uid !== uid) return;
    const query = {
      fieldSelector: `metadata.name=${d.name}`,
      resourceVersion: current.metadata?.resourceVersion,
      watch: true,
    };
    const events = watchLines(ctx.rest, { path: pathOf(d.resource, d.namespace), query, signal: ctx.signal });
    for await (const e of events) if (e.type === 'DELETED') return;
  }
}
