import type { ApiResource } from '../api/discovery.ts';

/** What of an OpenAPI v3 schema tells a reader something. */
export interface Schema {
  readonly description?: string;
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly $ref?: string;
  readonly 'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[];
}

export type Schemas = Readonly<Record<string, Schema>>;

/** Follows references; what stands beside one (its description, its default) wins over what it names. */
export function resolved(s: Schema, all: Schemas): Schema {
  const ref = s.$ref ?? s.allOf?.[0]?.$ref;
  if (!ref) return s;
  const target = all[ref.split('/').at(-1) ?? ''] ?? {};
  return { ...target, ...(s.description ? { description: s.description } : {}) };
}

/** The object a field leads to: that of its items or values where it is a list or map. */
export function inner(s: Schema, all: Schemas): Schema {
  const r = resolved(s, all);
  if (r.type === 'array' && r.items) return inner(r.items, all);
  if (typeof r.additionalProperties === 'object') return inner(r.additionalProperties, all);
  return r;
}

const WIDTH = 80;

/** Text in lines of at most 80 characters, indented. */
export function wrap(text: string, indent: string): string {
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

/** The description of the type a field refers to, itself or by its items or values. */
export function typeText(s: Schema, all: Schemas): string | undefined {
  const ref = s.$ref ?? s.allOf?.[0]?.$ref;
  if (ref !== undefined) return all[ref.split('/').at(-1) ?? '']?.description;
  if (s.items) return typeText(s.items, all);
  return typeof s.additionalProperties === 'object' ? typeText(s.additionalProperties, all) : undefined;
}

/** A kind, or a field of it. */
export interface Explained {
  readonly resource: ApiResource;
  readonly all: Schemas;
  /** The way to the field; empty for the kind itself. */
  readonly names: readonly string[];
  readonly leaf: Schema;
}
