import { apiVersionOf } from '../api/discovery.ts';
import { type Explained, inner, resolved, type Schema, type Schemas, typeText, wrap } from './schema.ts';

const TEXT = '     ';
const FIELD = '   ';

/** Types as OpenAPI v2 has them: every object is an Object, what may be a number or text is a string. */
function typeName(s: Schema, all: Schemas): string {
  const r = resolved(s, all);
  if (r.type === 'array') return `[]${typeName(r.items ?? {}, all)}`;
  if (r.additionalProperties) {
    return `map[string]${typeName(r.additionalProperties === true ? {} : r.additionalProperties, all)}`;
  }
  if (r.type && r.type !== 'object') return r.type;
  if (r.oneOf || r.format === 'int-or-string') return 'string';
  return r.properties ? 'Object' : 'map[string]';
}

const sorted = (owner: Schema): [string, Schema][] =>
  Object.entries(owner.properties ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));

const fieldsOf = (owner: Schema, all: Schemas): string =>
  sorted(owner)
    .map(([name, s]) => {
      const needed = owner.required?.includes(name) ? ' -required-' : '';
      const text = resolved(s, all).description ?? '<no description>';
      return `${FIELD}${name}\t<${typeName(s, all)}>${needed}\n${wrap(text, TEXT)}\n\n`;
    })
    .join('');

/** Every field below; a type that contains itself is not opened again. */
const recursive = (owner: Schema, all: Schemas, indent: string, open: readonly Schema[]): string =>
  sorted(owner)
    .map(([name, s]) => {
      const line = `${indent}${name}\t<${typeName(s, all)}>\n`;
      const { properties } = inner(s, all);
      if (!properties || open.some((o) => o.properties === properties)) return line;
      return line + recursive({ properties }, all, indent + FIELD, [...open, { properties }]);
    })
    .join('');

/** As kubectl printed before it knew OpenAPI v3: `--output plaintext-openapiv2`. */
export function plaintextV2({ resource: r, all, names, leaf }: Explained, everything: boolean): string {
  const object = inner(leaf, all);
  const last = names.at(-1);
  let text = `KIND:     ${r.kind}\nVERSION:  ${apiVersionOf(r)}\n\n`;
  if (last !== undefined)
    text += `${object.properties ? 'RESOURCE: ' : 'FIELD:    '}${last} <${typeName(leaf, all)}>\n\n`;
  const said = [leaf.description, last === undefined ? undefined : typeText(leaf, all)].filter((t) => t !== undefined);
  text += `DESCRIPTION:\n${said.length > 0 ? said.map((t) => wrap(t, TEXT)).join('\n\n') : `${TEXT}<empty>`}\n`;
  if (!object.properties) return text;
  return `${text}\nFIELDS:\n${everything ? recursive(object, all, FIELD, [object]) : fieldsOf(object, all)}`;
}
