import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ApiResource, pathOf } from '../api/discovery.ts';
import { watchLines } from '../api/watch-lines.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { printObject, withoutManagedFields } from '../output/print.ts';
import { parseTargets, readManifests, type Target } from '../targets.ts';

export interface WriteFlags {
  readonly filename?: readonly string[];
  readonly recursive?: boolean;
  readonly output?: string;
  readonly dryRun?: string;
  readonly validate?: string;
}

const suffix = (o: WriteFlags): string =>
  o.dryRun === 'server' ? ' (server dry run)' : o.dryRun === 'client' ? ' (dry run)' : '';

export const label = (r: ApiResource, name: string): string =>
  `${r.group ? `${r.singular}.${r.group}` : r.singular}/${name}`;

/** Prints the outcome of one write: "pod/x created", or the object in the format asked for. */
export function report(ctx: CliContext, o: WriteFlags, r: ApiResource, object: KubeObject, done: string): void {
  if (!o.output) ctx.out(`${label(r, object.metadata?.name ?? '')} ${done}${suffix(o)}\n`);
  else ctx.out(printObject(withoutManagedFields(object), o.output, (x) => label(r, x.metadata?.name ?? '')));
}

export const writeQuery = (o: WriteFlags, fieldManager: string) => ({
  fieldManager,
  ...(o.dryRun === 'server' ? { dryRun: 'All' } : {}),
  fieldValidation:
    o.validate === 'ignore' || o.validate === 'false' ? 'Ignore' : o.validate === 'warn' ? 'Warn' : 'Strict',
});

/** Sets the namespace an object will live in. @throws CliError when file and flag disagree */
export function withNamespace(ctx: CliContext, r: ApiResource, o: KubeObject): KubeObject {
  if (!r.namespaced) return o;
  return { ...o, metadata: { ...o.metadata, namespace: o.metadata?.namespace ?? ctx.namespace } };
}

/** `cox create -f` */
export async function createFromFiles(ctx: CliContext, o: WriteFlags): Promise<void> {
  if (!o.filename) throw new CliError('must specify one of -f and a generator such as "cox create namespace NAME"');
  const discovery = await ctx.discovery();
  for (const manifest of readManifests(o.filename, o.recursive)) {
    await createOne(ctx, discovery.ofObject(manifest), manifest, o);
  }
}

export async function createOne(ctx: CliContext, r: ApiResource, object: KubeObject, o: WriteFlags): Promise<void> {
  const full = withNamespace(ctx, r, object);
  if (o.dryRun === 'client') {
    report(ctx, o, r, full, 'created');
    return;
  }
  const created = await ctx.rest.json<KubeObject>({
    method: 'POST',
    path: pathOf(r, full.metadata?.namespace),
    query: writeQuery(o, 'cox-create'),
    body: full,
  });
  report(ctx, o, r, created, 'created');
}

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
    throw new CliError(`invalid cascade value (${o.cascade}). Must be "background", "foreground", or "orphan".`);
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
    return readManifests(o.filename, o.recursive).map((m) => {
      const resource = discovery.ofObject(m);
      return {
        resource,
        namespace: resource.namespaced ? (m.metadata?.namespace ?? ctx.namespace) : undefined,
        name: m.metadata?.name ?? '',
      };
    });
  }
  const found: Doomed[] = [];
  for (const t of parseTargets(args, discovery)) found.push(...(await expand(ctx, t, o)));
  return found;
}

async function expand(ctx: CliContext, t: Target, o: DeleteFlags): Promise<Doomed[]> {
  const namespace = t.resource.namespaced && !o.allNamespaces ? ctx.namespace : undefined;
  if (t.name) return [{ resource: t.resource, namespace, name: t.name }];
  if (!o.all && !o.selector) throw new CliError('resource(s) were provided, but no name was specified');
  const list = await ctx.rest.json<{ items: KubeObject[] }>({
    path: pathOf(t.resource, namespace),
    query: { labelSelector: o.selector },
  });
  return list.items.map((i) => ({
    resource: t.resource,
    namespace: i.metadata?.namespace,
    name: i.metadata?.name ?? '',
  }));
}

/** `cox delete`: by default waits until the objects are really gone. */
export async function deleteObjects(ctx: CliContext, args: readonly string[], o: DeleteFlags): Promise<void> {
  const body = deleteBody(o);
  const waits: Promise<void>[] = [];
  const all = await doomed(ctx, args, o);
  if (all.length === 0) ctx.out('No resources found\n');
  if (o.force)
    ctx.err(
      'Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated.\n',
    );
  for (const d of all) {
    try {
      const answer = await ctx.rest.json<KubeObject>({
        method: 'DELETE',
        path: pathOf(d.resource, d.namespace, d.name),
        body,
      });
      const done = o.force && body.gracePeriodSeconds === 0 ? 'force deleted' : 'deleted';
      ctx.out(
        o.output === 'name' ? `${label(d.resource, d.name)}\n` : `${label(d.resource, d.name)} ${done}${suffix(o)}\n`,
      );
      if (o.wait !== false && o.dryRun !== 'server') waits.push(untilGone(ctx, d, answer.metadata?.uid));
    } catch (e) {
      if (!(o.ignoreNotFound && (e as { reason?: string }).reason === 'NotFound')) throw e;
    }
  }
  await Promise.all(waits);
}

/** Watches one object until it is gone or replaced by another of the same name. */
async function untilGone(ctx: CliContext, d: Doomed, uid: string | undefined): Promise<void> {
  while (!ctx.signal.aborted) {
    let current: KubeObject;
    try {
      current = await ctx.rest.json<KubeObject>({ path: pathOf(d.resource, d.namespace, d.name) });
    } catch (e) {
      if ((e as { reason?: string }).reason === 'NotFound') return;
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

/** `cox scale TYPE/NAME --replicas N` */
export async function scale(
  ctx: CliContext,
  args: readonly string[],
  o: WriteFlags & { replicas?: string; currentReplicas?: string },
): Promise<void> {
  const replicas = Number(o.replicas);
  if (o.replicas === undefined || !Number.isInteger(replicas) || replicas < 0) {
    throw new CliError('The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0');
  }
  const discovery = await ctx.discovery();
  const targets: Target[] = o.filename
    ? readManifests(o.filename).map((m) => ({ resource: discovery.ofObject(m), name: m.metadata?.name ?? '' }))
    : parseTargets(args, discovery);
  for (const t of targets) {
    if (!t.name) throw new CliError('say which object to scale: TYPE/NAME');
    const path = pathOf(t.resource, ctx.namespace, t.name, 'scale');
    if (o.currentReplicas !== undefined) {
      const now = await ctx.rest.json<{ spec?: { replicas?: number } }>({ path });
      if ((now.spec?.replicas ?? 0) !== Number(o.currentReplicas)) {
        throw new CliError(`Expected replicas to be ${o.currentReplicas}, was ${now.spec?.replicas ?? 0}`);
      }
    }
    await ctx.rest.json({
      method: 'PATCH',
      path,
      contentType: 'application/merge-patch+json',
      query: { fieldManager: 'cox' },
      body: { spec: { replicas } },
    });
    ctx.out(`${label(t.resource, t.name)} scaled\n`);
  }
}
