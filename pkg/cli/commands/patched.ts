import type { Kind } from '#api/kind.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { jsonPatch, type Operation } from '#api/patch/json-patch.ts';
import { mergePatch } from '#api/patch/merge-patch.ts';
import { strategicMerge } from '#api/patch/strategic-merge.ts';
import { CliError } from '../errors.ts';

/** The kinds of patches by the words of flags, with the type of their bodies. */
export const PATCH_TYPES: ReadonlyMap<string, string> = new Map([
  ['strategic', 'application/strategic-merge-patch+json'],
  ['merge', 'application/merge-patch+json'],
  ['json', 'application/json-patch+json'],
]);

/** What a custom resource has no schema here for. */
export const NO_STRATEGY = 'custom resources take --type=merge or --type=json';

/**
 * What a patch makes of an object, worked out here. @param kind undefined: a custom resource
 * @throws CliError for a strategic patch of one
 */
export function patchedObject(
  object: KubeObject,
  { type, patch }: { readonly type: string; readonly patch: unknown },
  kind: Kind | undefined,
): KubeObject {
  if (type === 'json') return jsonPatch(object, patch as Operation[]) as KubeObject;
  const fields = patch as Record<string, unknown>;
  if (type === 'merge') return mergePatch(object, fields) as KubeObject;
  if (!kind) throw new CliError(NO_STRATEGY);
  return strategicMerge(kind.schema, object, fields) as KubeObject;
}
