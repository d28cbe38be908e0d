import { parse } from 'yaml';
import { builtinKinds } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { builtinKind } from '../api/builtin-discovery.ts';
import { type ApiResource, pathOf, qualified } from '../api/discovery.ts';
import { withLastApplied } from '../apply/last-applied.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { oneByOne } from '../interrupted.ts';
import { eachManifest, hasSources, localObjects, readText } from '../manifests.ts';
import { chosenObjects } from '../targets.ts';
import type { DeletionFlags } from './delete.ts';
import { NO_STRATEGY, PATCH_TYPES, patchedObject } from './patched.ts';
import { report, targetLabel, type WriteFlags, withNamespace, writeQuery } from './write.ts';

export interface PatchFlags extends WriteFlags {
  readonly patch?: string;
  readonly patchFile?: string;
  readonly type?: string;
  readonly subresource?: string;
  /** Change what files say; ask no server. */
  readonly local?: boolean;
}

export interface ReplaceFlags extends WriteFlags, DeletionFlags {
  readonly saveConfig?: boolean;
  readonly subresource?: string;
  readonly raw?: string;
}

async function patchOf(ctx: CliContext, o: PatchFlags): Promise<unknown> {
  if (o.patchFile && o.patch) throw new CliError('cannot specify --patch and --patch-file together');
  const text = o.patchFile ? await readText(ctx, o.patchFile) : o.patch;
  if (!text) throw new CliError('must specify --patch or --patch-file containing the contents of the patch');
  try {
    return parse(text) as unknown;
  } catch (e) {
    throw new CliError(`unable to parse "${text}": ${(e as Error).message.split('\n')[0]}`);
  }
}

/** A subresource may be of another kind than its object: the scale of a Deployment is a `scale.autoscaling`. */
function typeOf(o: KubeObject, r: ApiResource): ApiResource {
  const group = o.apiVersion?.includes('/') ? (o.apiVersion.split('/')[0] ?? '') : '';
  return { ...r, group, singular: o.kind?.toLowerCase() ?? r.singular };
}

async function patchLocally(ctx: CliContext, body: unknown, o: PatchFlags): Promise<number> {
  for (const { resource, object } of await localObjects(ctx, o)) {
    const after = patchedObject(object, { type: o.type ?? 'strategic', patch: body }, builtinKind(resource));
    await report(
      ctx,
      { ...o, dryRun: 'none' },
      resource,
      after,
      sameJson(object, after) ? 'patched (no change)' : 'patched',
    );
  }
  return 0;
}

/** `cox patch TYPE/NAME -p …` @returns the exit code */
export async function patch(ctx: CliContext, args: readonly string[], o: PatchFlags): Promise<number> {
  const contentType = PATCH_TYPES.get(o.type ?? 'strategic');
  if (!contentType) throw new CliError(`--type must be one of [json merge strategic], not "${o.type}"`);
  const body = await patchOf(ctx, o);
  if (o.local) return patchLocally(ctx, body, o);
  const all = await chosenObjects(ctx, args, o);
  return oneByOne(ctx, { all, nameOf: targetLabel, left: 'not patched' }, async (c) => {
    if (!c.name) throw new CliError('say which object to patch: TYPE/NAME');
    const known = builtinKinds.some((k) => k.group === c.resource.group && k.plural === c.resource.plural);
    if (!known && o.type === undefined) throw new CliError(NO_STRATEGY);
    const path = pathOf(c.resource, c.namespace, c.name, o.subresource);
    const before = await ctx.rest.json<KubeObject>({ path });
    const query = writeQuery(o, 'kubectl-patch');
    const after = await ctx.rest.json<KubeObject>({ method: 'PATCH', path, contentType, query, body });
    // Without its last finalizer an object is gone, and its version is that of before.
    const same = sameJson(before, after) && (o.dryRun ?? 'none') === 'none';
    const of = o.subresource ? typeOf(after, c.resource) : c.resource;
    await report(ctx, o, of, after, same ? 'patched (no change)' : 'patched');
  });
}

/** `cox replace -f`. @returns the exit code */
export async function replace(ctx: CliContext, o: ReplaceFlags): Promise<number> {
  if (!hasSources(o)) throw new CliError('must specify -f: which files to take');
  if (o.raw) {
    await (await import('./raw.ts')).rawRequest(ctx, 'PUT', o.raw, o.filename);
    return 0;
  }
  if (o.gracePeriod !== undefined && !o.force) throw new CliError('--grace-period must have --force specified');
  if (o.force && (o.dryRun ?? 'none') !== 'none') throw new CliError('--dry-run can not be used when --force is set');
  if (o.timeout !== undefined && !o.force) throw new CliError('--timeout must have --force specified');
  const files = { ...o, doing: 'replacing' };
  return eachManifest(ctx, files, async (r, manifest) => {
    const placed = withNamespace(ctx, r, manifest);
    const object = o.saveConfig ? withLastApplied(placed) : placed;
    const query = writeQuery(o, 'kubectl-replace');
    const collection = pathOf(r, object.metadata?.namespace);
    const path = pathOf(r, object.metadata?.namespace, object.metadata?.name, o.subresource);
    // The file may name another namespace than the one worked in.
    const there = { ...ctx, namespace: object.metadata?.namespace ?? ctx.namespace, namespaceGiven: false };
    if (o.force) await (await import('./delete.ts')).makeWay(there, `${qualified(r)}/${object.metadata?.name}`, o);
    const request = o.force ? { method: 'POST', path: collection } : { method: 'PUT', path };
    await report(ctx, o, r, await ctx.rest.json<KubeObject>({ ...request, query, body: object }), 'replaced');
  });
}
