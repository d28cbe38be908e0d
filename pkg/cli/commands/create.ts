import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ApiResource, pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { eachManifest } from '../manifests.ts';
import { withLastApplied } from './last-applied.ts';
import { report, type WriteFlags, withNamespace, writeQuery } from './write.ts';

export interface CreateFlags extends WriteFlags {
  readonly saveConfig?: boolean;
}

/** `cox create -f` */
export async function createFromFiles(ctx: CliContext, o: CreateFlags): Promise<number> {
  if (!o.filename) throw new CliError('must specify one of -f and a generator such as "cox create namespace NAME"');
  const files = { filename: o.filename, ...(o.recursive ? { recursive: true } : {}), doing: 'creating' };
  return eachManifest(ctx, files, (r, object) => createOne(ctx, r, object, o));
}

/** Creates an object, or only prints it on --dry-run=client. */
export async function createOne(ctx: CliContext, r: ApiResource, object: KubeObject, o: CreateFlags): Promise<void> {
  const placed = withNamespace(ctx, r, object);
  const full = o.saveConfig ? withLastApplied(placed) : placed;
  if (o.dryRun === 'client') {
    report(ctx, o, r, full, 'created');
    return;
  }
  const created = await ctx.rest.json<KubeObject>({
    method: 'POST',
    path: pathOf(r, full.metadata?.namespace),
    query: writeQuery(o, 'kubectl-create'),
    body: full,
  });
  report(ctx, o, r, created, 'created');
}
