import type { KubeObject } from '#api/meta/objectmeta.ts';
import { toYaml } from '#api/yaml.ts';
import { type ApiResource, pathOf } from '../api/discovery.ts';
import { withLastApplied } from '../apply/last-applied.ts';
import { patchBetween } from '../apply/patches.ts';
import type { CliContext } from '../context.ts';
import { documentsIn } from '../documents.ts';
import { CliError } from '../errors.ts';
import { decoded } from '../get/objects.ts';
import { goJson } from '../output/ordered.ts';
import { withoutManagedFields } from '../output/print.ts';
import { type Chosen, chosenObjects } from '../targets.ts';
import { type EditorFlags, editedOnce, editUntilSaved } from './editor.ts';
import { report, type WriteFlags, writeQuery } from './write.ts';

export interface EditFlags extends WriteFlags, EditorFlags {
  /** Values of Secrets as text. */
  readonly decoded?: boolean;
  /** Print the patch that is sent. */
  readonly outputPatch?: boolean;
  readonly subresource?: string;
  /** Keep what was edited for a later apply. */
  readonly saveConfig?: boolean;
}

/** What `decoded` shows as text, as base64 again. */
function encoded(o: KubeObject & { data?: object; stringData?: Record<string, unknown> }): KubeObject {
  if (o.kind !== 'Secret' || !o.stringData) return o;
  const { stringData, ...rest } = o;
  const values = Object.entries(stringData).map(([k, v]) => {
    if (typeof v !== 'string') throw new CliError(`stringData.${k} must be text: write it in quotes`);
    return [k, Buffer.from(v).toString('base64')];
  });
  return { ...rest, data: { ...o.data, ...Object.fromEntries(values) } } as KubeObject;
}

/** What a text makes of an object. @throws CliError for text that is none, or is another object's */
function editedObject(text: string, file: string, original: KubeObject): KubeObject {
  const [edited, second] = documentsIn(text, file) as KubeObject[];
  if (second !== undefined || typeof edited !== 'object' || Array.isArray(edited))
    throw new CliError('the text must be one object');
  const identity = (o: KubeObject): string =>
    JSON.stringify([o.apiVersion, o.kind, o.metadata?.name, o.metadata?.namespace]);
  if (identity(edited) !== identity(original))
    throw new CliError('apiVersion, kind, name and namespace cannot be changed by an edit');
  return encoded(edited);
}

/** Sends only what was changed, so that what others change meanwhile stays. @returns whether anything was */
async function save(ctx: CliContext, c: Chosen, [before, after]: [KubeObject, KubeObject], o: EditFlags) {
  const change = patchBetween(c.resource, before, after);
  if (Object.keys(change.body).length === 0) return false;
  const { body, contentType } = o.saveConfig ? patchBetween(c.resource, before, withLastApplied(after)) : change;
  if (o.outputPatch) ctx.out(`Patch: ${goJson(body)}\n`);
  const answer = await ctx.rest.json<KubeObject>({
    method: 'PATCH',
    path: pathOf(c.resource, c.namespace, c.name, o.subresource),
    contentType,
    query: writeQuery(o, 'kubectl-edit'),
    body,
  });
  await report(ctx, o, c.resource, answer, 'edited');
  return true;
}

async function editOne(ctx: CliContext, c: Chosen, o: EditFlags): Promise<void> {
  const original = withoutManagedFields(
    await ctx.rest.json<KubeObject>({ path: pathOf(c.resource, c.namespace, c.name, o.subresource) }),
  );
  await editUntilSaved(ctx, {
    ...o,
    name: `${c.resource.singular}-${c.name}.yaml`,
    text: toYaml(o.decoded ? decoded(original) : original),
    save: (edited) => save(ctx, c, [original, editedObject(edited, 'the edited text', original)], o),
  });
}

/** `create --edit`: what becomes of a manifest in the editor; undefined when it was emptied. */
export function editedManifest(
  ctx: CliContext,
  r: ApiResource,
  manifest: KubeObject,
  o: EditorFlags,
): KubeObject | undefined {
  const name = `${r.singular}.yaml`;
  const text = editedOnce(ctx, name, toYaml(manifest), o);
  return text === '' ? undefined : (documentsIn(text, name)[0] as KubeObject);
}

/** `cox edit TYPE/NAME` */
export async function edit(ctx: CliContext, args: readonly string[], o: EditFlags): Promise<void> {
  for (const c of await chosenObjects(ctx, args, o)) {
    if (!c.name) throw new CliError('say which object to edit: TYPE/NAME');
    await editOne(ctx, c, o);
  }
}
