import { copyJson } from '#api/meta/copy.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { InVersion, TrackRequest } from '#api/patch/managedfields/track.ts';
import type { Resource, ResourceTable } from './resource.ts';

/**
 * How the objects of a resource look in its other versions, in which managers may own fields of them. Versions of custom
 * resources have the same names for fields as far as it can be told without asking a webhook.
 */
export const versionsIn =
  (resources: ResourceTable) =>
  (from: Resource): InVersion =>
  (apiVersion) => {
    if (from.kind.custom) return undefined;
    const [version = '', group = ''] = apiVersion.split('/').reverse();
    const to = resources.find(group, version, from.kind.plural);
    if (to?.prefix !== from.prefix) return null;
    const shown = (o: KubeObject): KubeObject => {
      const copy = copyJson(o) as Stored<KubeObject>;
      const stored = (from.storedAs?.toStored(copy) ?? copy) as Stored<KubeObject>;
      // Those of built-in kinds do not wait for anything.
      return (to.storedAs?.fromStored(stored) ?? stored) as KubeObject;
    };
    return { schema: to.kind.schema, shown };
  };

/** A change as the version shows it that the client asked for: by its names the client owns what it writes. */
export async function asAsked(
  { storedAs, kind, apiVersion }: Resource,
  object: KubeObject,
  old: Stored<KubeObject> | undefined,
): Promise<TrackRequest['asked']> {
  if (!storedAs) return undefined;
  // The copy keeps the resourceVersion that conversions may want, and what is new has none.
  const shown = await storedAs.fromStored(copyJson(object) as Stored<KubeObject>);
  return { schema: kind.schema, old: old && (await storedAs.fromStored(copyJson(old))), new: shown, apiVersion };
}
