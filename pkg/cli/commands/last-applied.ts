import type { KubeObject } from '#api/meta/objectmeta.ts';
import { pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { eachManifest } from '../manifests.ts';
import { ordered } from '../output/ordered.ts';
import { printObject } from '../output/print.ts';
import { chosenObjects } from '../targets.ts';
import { report, type WriteFlags, withNamespace, writeQuery } from './write.ts';

/** Where kubectl keeps what was applied last; we keep the same, so both can be used on one object. */
export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** The object with its own text in the last-applied annotation, written as kubectl writes it. */
export function withLastApplied(object: KubeObject): KubeObject {
  const { [LAST_APPLIED]: _old, ...annotations } = object.metadata?.annotations ?? {};
  const plain = { ...object, metadata: { ...object.metadata, annotations } };
  const text = `${JSON.stringify(ordered(plain))}\n`;
  return { ...plain, metadata: { ...plain.metadata, annotations: { ...annotations, [LAST_APPLIED]: text } } };
}

/** `cox apply view-last-applied` */
export async function viewLastApplied(ctx: CliContext, args: readonly string[], o: WriteFlags): Promise<void> {
  for (const c of await chosenObjects(ctx, args, o)) {
    const object = await ctx.rest.json<KubeObject>({ path: pathOf(c.resource, c.namespace, c.name) });
    const text = object.metadata?.annotations?.[LAST_APPLIED];
    if (!text) throw new CliError(`no last-applied-configuration annotation found on resource: ${c.name}`);
    ctx.out(printObject(JSON.parse(text) as KubeObject, o.output ?? 'yaml', () => c.name ?? ''));
  }
}

/** `cox apply set-last-applied -f`: as if the file had been applied, without changing anything else. */
export async function setLastApplied(ctx: CliContext, o: WriteFlags & { createAnnotation?: boolean }): Promise<number> {
  if (!o.filename) throw new CliError('must specify -f: which files to take');
  return eachManifest(ctx, { filename: o.filename, doing: 'annotating' }, async (r, manifest) => {
    const object = withNamespace(ctx, r, manifest);
    const path = pathOf(r, object.metadata?.namespace, object.metadata?.name);
    const now = await ctx.rest.json<KubeObject>({ path });
    if (!now.metadata?.annotations?.[LAST_APPLIED] && !o.createAnnotation) {
      throw new CliError('no last-applied-configuration annotation found on resource, --create-annotation makes one');
    }
    const text = withLastApplied(object).metadata?.annotations?.[LAST_APPLIED];
    const body = { metadata: { annotations: { [LAST_APPLIED]: text } } };
    const query = writeQuery(o, 'kubectl-last-applied');
    const answer = await ctx.rest.json<KubeObject>({
      method: 'PATCH',
      path,
      query,
      contentType: 'application/merge-patch+json',
      body,
    });
    report(ctx, o, r, answer, 'configured');
  });
}
