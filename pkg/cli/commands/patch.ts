import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { builtinKinds } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ApiResource, pathOf, qualified } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { eachManifest } from '../manifests.ts';
import { chosenObjects } from '../targets.ts';
import { report, type WriteFlags, withNamespace, writeQuery } from './write.ts';

export interface PatchFlags extends WriteFlags {
  readonly patch?: string;
  readonly patchFile?: string;
  readonly type?: string;
  readonly subresource?: string;
}

const TYPES: Readonly<Record<string, string>> = {
  strategic: 'application/strategic-merge-patch+json',
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
};

function patchOf(o: PatchFlags): unknown {
  const text = o.patchFile ? readFileSync(o.patchFile === '-' ? 0 : o.patchFile, 'utf8') : o.patch;
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

/** `cox patch TYPE/NAME -p …` */
export async function patch(ctx: CliContext, args: readonly string[], o: PatchFlags): Promise<void> {
  const contentType = TYPES[o.type ?? 'strategic'];
  if (!contentType) throw new CliError(`--type must be one of [json merge strategic], not "${o.type}"`);
  const body = patchOf(o);
  for (const c of await chosenObjects(ctx, args, o)) {
    if (!c.name) throw new CliError('say which object to patch: TYPE/NAME');
    const known = builtinKinds.some((k) => k.group === c.resource.group && k.plural === c.resource.plural);
    if (!known && o.type === undefined) throw new CliError('custom resources take --type=merge or --type=json');
    const path = pathOf(c.resource, c.namespace, c.name, o.subresource);
    const before = await ctx.rest.json<KubeObject>({ path });
    const query = { ...writeQuery(o, 'kubectl-patch'), ...(o.dryRun === 'client' ? { dryRun: 'All' } : {}) };
    const after = await ctx.rest.json<KubeObject>({ method: 'PATCH', path, contentType, query, body });
    const same =
      before.metadata?.resourceVersion === after.metadata?.resourceVersion && (o.dryRun ?? 'none') === 'none';
    const of = o.subresource ? typeOf(after, c.resource) : c.resource;
    report(ctx, o, of, after, same ? 'patched (no change)' : 'patched');
  }
}

/** `cox replace -f`. @returns the exit code */
export async function replace(ctx: CliContext, o: WriteFlags & { force?: boolean }): Promise<number> {
  if (!o.filename) throw new CliError('must specify -f: which files to take');
  const files = { filename: o.filename, ...(o.recursive ? { recursive: true } : {}), doing: 'replacing' };
  return eachManifest(ctx, files, async (r, manifest) => {
    const object = withNamespace(ctx, r, manifest);
    const query = writeQuery(o, 'kubectl-replace');
    const collection = pathOf(r, object.metadata?.namespace);
    const path = pathOf(r, object.metadata?.namespace, object.metadata?.name);
    if (o.force) await remove(ctx, `${qualified(r)}/${object.metadata?.name}`);
    const request = o.force ? { method: 'POST', path: collection } : { method: 'PUT', path };
    report(ctx, o, r, await ctx.rest.json<KubeObject>({ ...request, query, body: object }), 'replaced');
  });
}

async function remove(ctx: CliContext, what: string): Promise<void> {
  const { deleteObjects } = await import('./delete.ts');
  await deleteObjects(ctx, [what], { ignoreNotFound: true });
}
