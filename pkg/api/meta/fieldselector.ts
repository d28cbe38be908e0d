import type { Kind } from '../kind.ts';
import { errors } from './errors.ts';
import type { KubeObject, Stored } from './objectmeta.ts';

export interface FieldSelector {
  matches(o: Stored<KubeObject>): boolean;
  /** The value a field must have, when the selector pins it by equality. */
  exact(field: string): string | undefined;
}

interface Term {
  readonly field: string;
  readonly value: string;
  readonly equal: boolean;
}

const unescaped = (s: string): string => s.replace(/\\([\\,=])/g, '$1');

/** Splits at unescaped commas. */
const termsOf = (text: string): string[] => text.match(/(?:\\.|[^,\\])+/g) ?? [];

function parseTerm(text: string): Term {
  const m = /^((?:\\.|[^\\=!])*)(==|!=|=)(.*)$/s.exec(text);
  if (!m) throw errors.badRequest(`invalid field selector: "${text}"; can't understand "${text}"`);
  return { field: unescaped(m[1] ?? ''), value: unescaped(m[3] ?? ''), equal: m[2] !== '!=' };
}

/** Parses `a=b,c!=d` over the selectable fields of a kind ("Field Selectors"). @throws StatusError 400 */
export function parseFieldSelector(text: string, kind: Kind): FieldSelector {
  const readers: Record<string, (o: Stored<KubeObject>) => string> = {
    'metadata.name': (o) => o.metadata.name,
    ...(kind.namespaced ? { 'metadata.namespace': (o: Stored<KubeObject>) => o.metadata.namespace ?? '' } : {}),
    ...kind.fields,
  };
  const terms = termsOf(text).map(parseTerm);
  const checks = terms.map((t) => {
    const read = readers[t.field];
    if (!read) throw errors.badRequest(`"${t.field}" is not a known field selector: only ${known(readers)}`);
    return (o: Stored<KubeObject>) => (read(o) === t.value) === t.equal;
  });
  return {
    matches: (o) => checks.every((c) => c(o)),
    exact: (field) => terms.find((t) => t.equal && t.field === field)?.value,
  };
}

const known = (readers: object): string =>
  Object.keys(readers)
    .map((k) => `"${k}"`)
    .join(', ');
