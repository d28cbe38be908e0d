import type { KubeObject } from '#api/meta/objectmeta.ts';
import { toYaml } from '#api/yaml.ts';
import { pathOf } from '../api/discovery.ts';
import { LAST_APPLIED, withLastApplied } from '../apply/last-applied.ts';
import type { CliContext } from '../context.ts';
import { documentsIn } from '../documents.ts';
import { CliError } from '../errors.ts';
import { eachManifest, hasSources } from '../manifests.ts';
import { goJson } from '../output/ordered.ts';
import { printObject } from '../output/print.ts';
import { type Choice, foundObjects } from '../targets.ts';
import type { EditorFlags } from './editor.ts';
import { report, type WriteFlags, withNamespace, writeQuery } from './write.ts';

/** `cox apply view-last-applied` */
export async function viewLastApplied(ctx: CliContext, args: readonly string[], o: WriteFlags & Choice): Promise<void> {
  for (const { object } of await foundObjects(ctx, args, o)) {
    const { name = '', annotations } = object.metadata ?? {};
    const text = annotations?.[LAST_APPLIED];
    if (!text) throw new CliError(`no last-applied-configuration annotation found on resource: ${name}`);
    ctx.out(printObject(JSON.parse(text) as KubeObject, { ...o, output: o.output ?? 'yaml' }, () => name));
  }
}

const NONE =
  'no last-applied-configuration annotation found on resource, to create the annotation, use "cox apply set-last-applied --create-annotation"';

/** Writes the annotation, and nothing else. @returns the object as it is then */
const annotate = (ctx: CliContext, path: string, text: string, o: WriteFlags): Promise<KubeObject> =>
  ctx.rest.json<KubeObject>({
    method: 'PATCH',
    path,
    query: writeQuery(o, 'kubectl-last-applied'),
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations: { [LAST_APPLIED]: text } } },
  });

/** `cox apply edit-last-applied` */
export async function editLastApplied(
  ctx: CliContext,
  args: readonly string[],
  o: WriteFlags & Choice & EditorFlags,
): Promise<void> {
  const { editUntilSaved } = await import('./editor.ts');
  for (const { object, resource } of await foundObjects(ctx, args, o)) {
    const { name = '', namespace, annotations } = object.metadata ?? {};
    const last = annotations?.[LAST_APPLIED];
    if (!last) throw new CliError(NONE);
    await editUntilSaved(ctx, {
      ...o,
      name: `${resource.singular}-${name}.yaml`,
      text: toYaml(JSON.parse(last)),
      async save(edited) {
        const [wanted] = documentsIn(edited, 'the edited text') as KubeObject[];
        if (!wanted || wanted.kind !== object.kind || wanted.metadata?.name !== name)
          throw new CliError('kind and name cannot be changed by an edit');
        const text = `${goJson(wanted)}\n`;
        if (text.trim() === last.trim()) return false;
        await report(ctx, o, resource, await annotate(ctx, pathOf(resource, namespace, name), text, o), 'edited');
        return true;
      },
    });
  }
}

/** `cox apply set-last-applied -f`: as if the file had been applied, without changing anything else. */
export async function setLastApplied(ctx: CliContext, o: WriteFlags & { createAnnotation?: boolean }): Promise<number> {
  if (!hasSources(o)) throw new CliError('must specify -f: which files to take');
  return eachManifest(ctx, { ...o, doing: 'annotating' }, async (r, manifest) => {
    const object = withNamespace(ctx, r, manifest);
    const path = pathOf(r, object.metadata?.namespace, object.metadata?.name);
    const now = await ctx.rest.json<KubeObject>({ path });
    if (!now.metadata?.annotations?.[LAST_APPLIED] && !o.createAnnotation) {
      throw new CliError(
        `no last-applied-configuration annotation found on resource: ${object.metadata?.name}, to create the annotation, run the command with --create-annotation`,
      );
    }
    const text = withLastApplied(object).metadata?.annotations?.[LAST_APPLIED];
    await report(ctx, o, r, await annotate(ctx, path, text ?? '', o), 'configured');
  });
}
