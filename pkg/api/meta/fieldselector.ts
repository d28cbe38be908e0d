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

/** Undoes `\\`, `\,` and `\=`, the only escapes there are. */
function unescaped(s: string): string {
  const bad = /^(?:[^\\]|\\[\\,=])*?(\\(?:[^\\,=]|$))/s.exec(s)?.[1];
  if (bad !== undefined) throw errors.badRequest(`invalid field selector: invalid escape sequence: ${bad}`);
  return s.replace(/\\([\\,=])/g, '$1');
}

/** Splits at commas that are not escaped. */
const termsOf = (text: string): string[] => text.match(/(?:\\.|[^,\\]|\\$)+/gs) ?? [];

function parseTerm(text: string, whole: string): Term {
  const m = /^((?:\\.|[^\\=!])*)(==|!=|=)(.*)$/s.exec(text);
  if (!m) throw errors.badRequest(`invalid selector: '${whole}'; can't understand '${text}'`);
  return { field: m[1] ?? '', value: unescaped(m[3] ?? ''), equal: m[2] !== '!=' };
}

type Reader = (o: Stored<KubeObject>) => string;

const METADATA: Readonly<Record<string, Reader>> = {
  'metadata.name': (o) => o.metadata.name,
  'metadata.namespace': (o) => o.metadata.namespace ?? '',
};

/** Kinds with selectable fields of their own and those without have different words for an unknown field. */
function readerOf(kind: Kind, field: string): Reader {
  const own = Object.hasOwn(kind.fields, field) ? kind.fields[field] : undefined;
  if (own) return own;
  if (Object.hasOwn(METADATA, field)) return METADATA[field] as Reader;
  throw errors.badRequest(
    Object.keys(kind.fields).length > 0
      ? `field label not supported: ${field}`
      : `"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
}

const pinned = (terms: readonly Term[], field: string): string | undefined =>
  terms.find((t) => t.equal && t.field === field)?.value;

/** The terms of a selector, whatever the kind. @throws StatusError 400 */
export const parseTerms = (text: string): readonly Term[] => termsOf(text).map((t) => parseTerm(t, text));

/** Parses `a=b,c!=d` over the selectable fields of a kind ("Field Selectors"). @throws StatusError 400 */
export function parseFieldSelector(text: string, kind: Kind): FieldSelector {
  const terms = parseTerms(text);
  const checks = terms.map(({ field, value, equal }) => {
    const read = readerOf(kind, field);
    return (o: Stored<KubeObject>) => (read(o) === value) === equal;
  });
  return {
    matches: (o) => checks.every((c) => c(o)),
    exact: (field) => pinned(terms, field),
  };
}
