import { type ApiResource, nearest } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';

/** What of an OpenAPI v3 schema tells a reader something. */
interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly allOf?: readonly Schema[];
  readonly $ref?: string;
  readonly 'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[];
}

type Schemas = Readonly<Record<string, Schema>>;

interface Document {
  readonly components?: { readonly schemas?: Schemas };
}

/** Follows references; what stands beside one (its description, its default) wins over what it names. */
function resolved(s: Schema, all: Schemas): Schema {
  const ref = s.$ref ?? s.allOf?.[0]?.$ref;
  if (!ref) return s;
  const target = all[ref.split('/').at(-1) ?? ''] ?? {};
  return { ...target, ...(s.description ? { description: s.description } : {}) };
}

const refName = (s: Schema): string | undefined => {
  const ref = s.$ref ?? s.allOf?.[0]?.$ref;
  return ref?.split('.').at(-1);
};

/** "<[]Container>", "<map[string]string>", as kubectl writes types. */
function typeName(s: Schema): string {
  const named = refName(s);
  if (named) return named;
  if (s.type === 'array') return `[]${typeName(s.items ?? {})}`;
  if (s.additionalProperties) {
    return `map[string]${typeName(s.additionalProperties === true ? {} : s.additionalProperties)}`;
  }
  return s.type === undefined || s.type === 'object' ? 'Object' : s.type;
}

/** The object a field leads to: that of its items or values where it is a list or map. */
function inner(s: Schema, all: Schemas): Schema {
  const r = resolved(s, all);
  if (r.type === 'array' && r.items) return inner(r.items, all);
  if (typeof r.additionalProperties === 'object') return inner(r.additionalProperties, all);
  return r;
}

const WIDTH = 80;

/** Text in lines of at most 80 characters, indented. */
function wrap(text: string, indent: string): string {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(/\s+/)) {
      if (line && indent.length + line.length + 1 + word.length > WIDTH) {
        lines.push(line);
        line = word;
      } else line = line ? `${line} ${word}` : word;
    }
    lines.push(line);
  }
  return lines.map((l) => `${indent}${l}`.trimEnd()).join('\n');
}

function field(name: string, s: Schema, owner: Schema, indent: string): string {
  const needed = owner.required?.includes(name) ? ' -required-' : '';
  return `${indent}${name}\t<${typeName(s)}>${needed}\n`;
}

const enumText = (s: Schema, indent: string): string =>
  s.enum ? `${indent}enum: ${s.enum.map((v) => (v === '' ? '""' : String(v))).join(', ')}\n` : '';

function fieldsOf(owner: Schema, all: Schemas): string {
  return Object.entries(owner.properties ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, s]) => {
      const text = resolved(s, all).description ?? '<no description>';
      return `${field(name, s, owner, '  ')}${enumText(resolved(s, all), '  ')}${wrap(text, '    ')}\n\n`;
    })
    .join('');
}

/** Every field below; a type that contains itself is not opened again. */
function recursive(owner: Schema, all: Schemas, indent: string, open: readonly string[]): string {
  return Object.entries(owner.properties ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, s]) => {
      const type = typeName(s).replace(/^(\[\]|map\[string\])+/, '');
      const line = field(name, s, owner, indent) + enumText(resolved(s, all), indent);
      if (open.includes(type)) return line;
      return line + recursive(inner(s, all), all, `${indent}  `, [...open, type]);
    })
    .join('');
}

async function documentOf(ctx: CliContext, r: ApiResource): Promise<Schemas> {
  const root = await ctx.rest.json<{ paths: Record<string, { serverRelativeURL: string }> }>({ path: '/openapi/v3' });
  const key = r.group ? `apis/${r.group}/${r.version}` : `api/${r.version}`;
  const url = root.paths[key]?.serverRelativeURL;
  if (!url) throw new CliError(`the server describes no fields of ${r.plural}`);
  const [path = '', query = ''] = url.split('?');
  const doc = await ctx.rest.json<Document>({ path, query: Object.fromEntries(new URLSearchParams(query)) });
  return doc.components?.schemas ?? {};
}

/** @throws CliError naming the field that is not there */
function walk(root: Schema, names: readonly string[], all: Schemas): { owner: Schema; leaf: Schema } {
  let leaf = root;
  let owner = root;
  for (const name of names) {
    owner = inner(leaf, all);
    const next = owner.properties?.[name];
    if (!next) {
      const near = nearest(name, Object.keys(owner.properties ?? {}));
      throw new CliError(`field "${name}" does not exist${near ? `; did you mean "${near}"?` : ''}`);
    }
    leaf = next;
  }
  return { owner, leaf };
}

/** The description of the type a field refers to. */
function typeText(s: Schema, all: Schemas): string | undefined {
  const ref = s.$ref ?? s.allOf?.[0]?.$ref ?? s.items?.$ref ?? s.items?.allOf?.[0]?.$ref;
  return ref === undefined ? undefined : all[ref.split('/').at(-1) ?? '']?.description;
}

export interface ExplainFlags {
  readonly recursive?: boolean;
  readonly apiVersion?: string;
}

/** `cox explain pod.spec.containers`: what the fields of a kind mean, from the server's OpenAPI document. */
export async function explain(ctx: CliContext, what: string, o: ExplainFlags): Promise<void> {
  const [type = '', ...names] = what.split('.');
  const discovery = await ctx.discovery();
  const found = await discovery.find(type);
  const r = o.apiVersion ? await discovery.ofObject({ apiVersion: o.apiVersion, kind: found.kind }) : found;
  const all = await documentOf(ctx, r);
  const isKind = (s: Schema): boolean =>
    s['x-kubernetes-group-version-kind']?.some(
      (g) => g.group === r.group && g.version === r.version && g.kind === r.kind,
    ) ?? false;
  const root = Object.values(all).find(isKind);
  if (!root) throw new CliError(`the server describes no fields of ${r.plural}`);
  const { leaf } = walk(root, names, all);
  const object = inner(leaf, all);
  ctx.out(`${r.group ? `GROUP:      ${r.group}\n` : ''}KIND:       ${r.kind}\nVERSION:    ${r.version}\n\n`);
  const last = names.at(-1);
  if (last !== undefined) {
    const { owner } = walk(root, names, all);
    const values = (resolved(leaf, all).enum ?? []).map((v) => `    ${v === '' ? '""' : String(v)}\n`);
    const choices = values.length > 0 ? `ENUM:\n${values.join('')}` : '';
    ctx.out(`FIELD: ${field(last, leaf, owner, '').replace('\t', ' ')}${choices || '\n'}`);
  }
  // What the field says of itself, then what its type says.
  const said = [leaf.description, last === undefined ? undefined : typeText(leaf, all)].filter((t) => t !== undefined);
  const text = said.length > 0 ? said.map((t) => wrap(t, '    ')).join('\n') : '    <empty>';
  ctx.out(`${last === undefined ? '' : '\n'}DESCRIPTION:\n${text}\n`);
  if (!object.properties) {
    ctx.out('\n\n');
    return;
  }
  ctx.out(`${last === undefined ? '' : ''}    \nFIELDS:\n`);
  ctx.out(o.recursive ? `${recursive(object, all, '  ', [])}\n` : `${fieldsOf(object, all)}\n`);
}
