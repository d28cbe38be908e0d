import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ApiResource, pathOf } from '../api/discovery.ts';
import { withLastApplied } from '../apply/last-applied.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { eachOf, hasSources, readManifests, selected } from '../manifests.ts';
import type { EditorFlags } from './editor.ts';
import { report, type WriteFlags, withNamespace, writeQuery } from './write.ts';

export interface CreateFlags extends WriteFlags {
  readonly saveConfig?: boolean;
}

/** Of `create -f`. */
export interface CreateFileFlags extends CreateFlags, EditorFlags {
  readonly raw?: string;
  readonly selector?: string;
  readonly edit?: boolean;
}

/** `cox create -f` */
export async function createFromFiles(ctx: CliContext, o: CreateFileFlags): Promise<number> {
  if (!hasSources(o)) throw new CliError('must specify one of -f and a generator such as "cox create namespace NAME"');
  if (o.raw) {
    await (await import('./raw.ts')).rawRequest(ctx, 'POST', o.raw, o.filename);
    return 0;
  }
  const manifests = selected(await readManifests(ctx, o), o.selector);
  if (manifests.length === 0) throw new CliError('no objects passed to create');
  return eachOf(ctx, manifests, 'creating', async (r, object) => {
    const wanted = o.edit ? (await import('./edit.ts')).editedManifest(ctx, r, object, o) : object;
    if (wanted) await createOne(ctx, r, wanted, o);
    else ctx.err('Edit cancelled, no objects saved.\n');
  });
}

/** Creates an object, or only prints it on --dry-run=client. */
export async function createOne(ctx: CliContext, r: ApiResource, object: KubeObject, o: CreateFlags): Promise<void> {
  await createAs(ctx, r, withNamespace(ctx, r, object), { done: 'created', manager: 'kubectl-create', ...o });
}

/** Creates an object for a command that has its own word for it and its own field manager. @returns it as stored */
export async function createAs(
  ctx: CliContext,
  r: ApiResource,
  object: KubeObject,
  o: CreateFlags & { readonly done: string; readonly manager: string },
): Promise<KubeObject> {
  const full = o.saveConfig ? withLastApplied(object) : object;
  if (o.dryRun === 'client') {
    await report(ctx, o, r, full, o.done);
    return full;
  }
  const created = await ctx.rest.json<KubeObject>({
    method: 'POST',
    path: pathOf(r, withNamespace(ctx, r, full).metadata?.namespace),
    query: writeQuery(o, o.manager),
    body: full,
  });
  await report(ctx, o, r, created, o.done);
  return created;
}
