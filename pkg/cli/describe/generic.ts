import type { KubeObject } from '#api/meta/objectmeta.ts';
import { annotations } from './values.ts';
import type { DescriptionWriter } from './writer.ts';

const ACRONYMS = new Set(['API', 'URL', 'UID', 'OSB', 'GUID']);

/** "podIP" → "Pod IP", "apiVersion" → "API Version"; what is no word, such as a key with dots or digits, stays as it is. */
export function title(field: string): string {
  if (/[^\p{L}-]/u.test(field)) return field;
  const words = field
    .replace(/([a-z])([A-Z-])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .split(' ');
  return words
    .map((word) =>
      ACRONYMS.has(word.toUpperCase()) ? word.toUpperCase() : word.charAt(0).toUpperCase() + word.slice(1),
    )
    .join(' ');
}

/** Shown at the top already, or bookkeeping. */
const SKIPPED = new Set(['name', 'namespace', 'labels', 'annotations', 'managedFields']);

/** Any object, field by field: for kinds that have no description of their own. */
export function describeAny(w: DescriptionWriter, o: KubeObject): void {
  w.line(0, 'Name:', o.metadata?.name ?? '');
  w.line(0, 'Namespace:', o.metadata?.namespace ?? '');
  w.map(0, 'Labels:', o.metadata?.labels);
  annotations(w, 0, o.metadata?.annotations);
  const { metadata, apiVersion, kind, ...rest } = o as Record<string, unknown>;
  const meta = Object.fromEntries(Object.entries((metadata ?? {}) as object).filter(([k]) => !SKIPPED.has(k)));
  fields(w, 0, { apiVersion, kind, ...rest, metadata: meta });
}

function fields(w: DescriptionWriter, level: number, o: Readonly<Record<string, unknown>>): void {
  for (const key of Object.keys(o).sort()) {
    const value = o[key];
    const label = `${title(key)}:`;
    if (Array.isArray(value)) items(w, level, label, value);
    else if (typeof value === 'object' && value !== null) {
      w.line(level, label);
      fields(w, level + 1, value as Record<string, unknown>);
    } else w.line(level, label, String(value ?? '<nil>'));
  }
}

function items(w: DescriptionWriter, level: number, label: string, list: readonly unknown[]): void {
  w.line(level, label);
  for (const item of list) {
    if (typeof item === 'object' && item !== null) fields(w, level + 1, item as Record<string, unknown>);
    else w.line(level + 1, String(item));
  }
}
