import { type Explained, inner, resolved, type Schema, type Schemas, typeText, wrap } from './schema.ts';

const refName = (s: Schema): string | undefined => {
  const ref = s.$ref ?? s.allOf?.[0]?.$ref;
  return ref?.split('.').at(-1);
};

/** "<[]Container>", "<map[string]string>", as kubectl writes types. */
function typeName(s: Schema, all: Schemas): string {
  const named = refName(s);
  const { type } = resolved(s, all);
  if (named) return type === undefined || type === 'object' ? named : type;
  if (type === 'array') return `[]${typeName(s.items ?? {}, all)}`;
  if (s.additionalProperties) {
    return `map[string]${typeName(s.additionalProperties === true ? {} : s.additionalProperties, all)}`;
  }
  return type === undefined || type === 'object' ? 'Object' : type;
}

function field(name: string, s: Schema, { owner, all, indent }: Listed): string {
  const needed = owner.required?.includes(name) ? ' -required-' : '';
  return `${indent}${name}\t<${typeName(s, all)}>${needed}\n`;
}

/** Where fields are listed. */
interface Listed {
  readonly owner: Schema;
  readonly all: Schemas;
  readonly indent: string;
}

/** More values of a field are not listed with it. */
const MAX_VALUES = 4;

function enumText({ enum: values }: Schema, indent: string): string {
  if (!values) return '';
  const shown = values.slice(0, MAX_VALUES).map((v) => (v === '' ? '""' : String(v)));
  return `${indent}enum: ${[...shown, ...(values.length > MAX_VALUES ? ['....'] : [])].join(', ')}\n`;
}

function fieldsOf(owner: Schema, all: Schemas): string {
  return Object.entries(owner.properties ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, s]) => {
      const text = resolved(s, all).description ?? '<no description>';
      return `${field(name, s, { owner, all, indent: '  ' })}${enumText(resolved(s, all), '  ')}${wrap(text, '    ')}\n\n`;
    })
    .join('');
}

/** Every field below; a type that contains itself is not opened again. */
function recursive(owner: Schema, all: Schemas, indent: string, open: readonly string[]): string {
  return Object.entries(owner.properties ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, s]) => {
      const type = typeName(s, all).replace(/^(\[\]|map\[string\])+/, '');
      const line = field(name, s, { owner, all, indent }) + enumText(resolved(s, all), indent);
      if (open.includes(type)) return line;
      return line + recursive(inner(s, all), all, `${indent}  `, [...open, type]);
    })
    .join('');
}

/** As kubectl prints what OpenAPI v3 says. */
export function plaintext({ resource: r, all, names, leaf }: Explained, everything: boolean): string {
  const object = inner(leaf, all);
  const last = names.at(-1);
  let text = `${r.group ? `GROUP:      ${r.group}\n` : ''}KIND:       ${r.kind}\nVERSION:    ${r.version}\n\n`;
  if (last !== undefined) {
    const values = (resolved(leaf, all).enum ?? []).map((v) => `    ${v === '' ? '""' : String(v)}\n`);
    const choices = values.length > 0 ? `ENUM:\n${values.join('')}` : '';
    text += `FIELD: ${last} <${typeName(leaf, all)}>\n${choices || '\n'}\n`;
  }
  // What the field says of itself, then what its type says.
  const said = [leaf.description, last === undefined ? undefined : typeText(leaf, all)].filter((t) => t !== undefined);
  text += `DESCRIPTION:\n${said.length > 0 ? said.map((t) => wrap(t, '    ')).join('\n') : '    <empty>'}\n`;
  if (!object.properties) return `${text}${last === undefined ? '' : '    '}\n\n`;
  const fields = everything ? recursive(object, all, '  ', []) : fieldsOf(object, all);
  return `${text}    \nFIELDS:\n${fields}\n`;
}
