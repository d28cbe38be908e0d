import { sameJson } from '#api/meta/equal.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { mergePatch } from '#api/patch/merge-patch.ts';
import { strategicMerge } from '#api/patch/strategic-merge.ts';
import { threeWayMergePatch, threeWayStrategicPatch } from '#api/patch/three-way.ts';
import { builtinKind } from '../api/builtin-discovery.ts';
import type { ApiResource } from '../api/discovery.ts';

/** The patch that brings `current` to `modified`, forgetting what was in `last`: strategic where the kind is known. */
export function appliedPatch(r: ApiResource, last: KubeObject, modified: KubeObject, current: KubeObject) {
  const kind = builtinKind(r);
  // A subresource may be of another kind than its object: the scale of a Deployment is a Scale.
  if (kind && current.kind === kind.kind) {
    const body = threeWayStrategicPatch(kind.schema, last, modified, current);
    return {
      body,
      contentType: 'application/strategic-merge-patch+json',
      unchanged: sameJson(strategicMerge(kind.schema, current, body), current),
    };
  }
  const body = threeWayMergePatch(last, modified, current);
  return { body, contentType: 'application/merge-patch+json', unchanged: sameJson(mergePatch(current, body), current) };
}

/** The patch that makes of `before` what `after` is. What `before` does not know of, and `after` does not change, stays as it is. */
export const patchBetween = (r: ApiResource, before: KubeObject, after: KubeObject) =>
  appliedPatch(r, before, after, before);
