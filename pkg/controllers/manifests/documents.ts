import type { KubeObject } from '#api/meta/objectmeta.ts';
import { parseDocuments } from '#client/yaml.ts';

/** An object as a file has it. */
export type ManifestObject = KubeObject & { readonly apiVersion: string; readonly kind: string };

/** Nobody writes more by hand, and what a program writes it can split. */
const MOST_OBJECTS = 1000;

/**
 * Pure: the objects in the text of a file, those of lists one by one. YAML with any number of documents, or JSON.
 * @throws Error saying which document cannot be used, and why
 */
export function objectsIn(text: string): ManifestObject[] {
  const values = parseDocuments(text).flatMap((value, i) => flat(value, `document ${i + 1}`));
  if (values.length > MOST_OBJECTS) throw new Error(`more than ${MOST_OBJECTS} objects in one file`);
  return values;
}

function flat(value: unknown, what: string): ManifestObject[] {
  if (value === null || value === undefined) return [];
  const o = value as Partial<ManifestObject> & { items?: unknown };
  if (typeof value !== 'object' || !o.apiVersion || !o.kind) throw new Error(`${what} has no apiVersion or no kind`);
  if (o.kind.endsWith('List') && Array.isArray(o.items))
    return o.items.flatMap((item, i) => flat(item, `${what}, item ${i + 1}`));
  if (!o.metadata?.name) throw new Error(`${what} (${o.kind}) has no name`);
  return [o as ManifestObject];
}
