import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { builtinKinds } from '../kinds/index.ts';
import { metaTypes } from '../meta/options.ts';
import { type ObjectSchema, resolveLazy, type Schema } from './schema.ts';

/**
 * Every declared type against Kubernetes 1.33. facts.json holds a line per type; a field is
 * `name=number`, then `*` for a Go pointer, `!` for always written, `^strategy` and `~mergeKey` for patches; `@Type=n` is
 * an inline struct.
 */
const FACTS = JSON.parse(readFileSync(new URL('./facts.json', import.meta.url), 'utf8')) as Record<string, string>;
const FIELD = /^(@?)([^=]*)=(\d+)(\*?)(!?)(?:\^([^~]+))?(?:~(.+))?$/;

function declared(): Map<string, ObjectSchema> {
  const found = new Map<string, ObjectSchema>();
  const visit = (schema: Schema): void => {
    const s = resolveLazy(schema);
    if (s.kind === 'array') visit(s.items);
    else if (s.kind === 'map') visit(s.values);
    else if (s.kind === 'object' && !found.has(`${s.pkg}.${s.name}`)) {
      found.set(`${s.pkg}.${s.name}`, s);
      for (const f of Object.values(s.fields)) visit(f.schema);
    }
  };
  for (const k of builtinKinds) visit(k.schema);
  for (const t of metaTypes) visit(t);
  return found;
}

/** Wire types for which "pointer" changes what is written or kept. */
const SCALARS = new Set(['string', 'int32', 'int64', 'double', 'bool']);

/** What our declaration says of a field, in the words of facts.json. */
function ours(schema: ObjectSchema, name: string, wantPointer: boolean): string | undefined {
  const field = schema.fields[name];
  if (!field) return undefined;
  const s = resolveLazy(field.schema);
  const pointer = SCALARS.has(s.kind) ? field.ptr === true : wantPointer;
  const strategy = (s.kind === 'array' ? s.patchStrategy : undefined) ?? field.patchStrategy;
  const mergeKey = s.kind === 'array' ? s.mergeKey : undefined;
  return [
    `${name}=${field.num}`,
    pointer ? '*' : '',
    field.required ? '!' : '',
    strategy ? `^${strategy}` : '',
    mergeKey ? `~${mergeKey}` : '',
  ].join('');
}

/** Declared differently on purpose. */
const EXCEPTIONS: Record<string, string> = {
  'io.k8s.api.core.v1.Event.metadata': 'always there, but declared like the metadata of all kinds',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus.conditions':
    'absent until the controller has looked at it',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus.acceptedNames':
    'absent until the controller has looked at it',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionStatus.storedVersions':
    'absent until the controller has looked at it',
};

function differences(type: string, schema: ObjectSchema, facts: string): string[] {
  const found: string[] = [];
  const known = new Set(['apiVersion', 'kind']);
  for (const fact of facts.split(' ').filter(Boolean)) {
    const m = FIELD.exec(fact);
    if (!m) throw new Error(`facts.json: ${type}: ${fact}`);
    const [, inline, name = '', number, pointer] = m;
    if (inline) {
      const nested = Object.entries(schema.fields).find(([, f]) => f.inline && f.num === Number(number));
      if (nested) known.add(nested[0]);
      else found.push(`${type}: inline ${name}=${number} is missing`);
      continue;
    }
    known.add(name);
    const mine = ours(schema, name, pointer === '*');
    if (mine !== fact && !EXCEPTIONS[`${type}.${name}`]) found.push(`${type}: ${mine ?? 'nothing'}, wanted ${fact}`);
  }
  for (const name of Object.keys(schema.fields)) {
    if (!known.has(name)) found.push(`${type}: ${name} is not in Kubernetes`);
  }
  return found;
}

test('every declared type has the fields, numbers and merge keys of Kubernetes 1.33', () => {
  const types = [...declared()].filter(([name]) => FACTS[name] !== undefined);
  expect(types.length).toBeGreaterThan(400);
  expect(types.flatMap(([name, schema]) => differences(name, schema, FACTS[name] ?? ''))).toEqual([]);
});

test('no type is declared twice under one name', () => {
  const byName = new Map<string, ObjectSchema>();
  const twice: string[] = [];
  const visit = (schema: Schema): void => {
    const s = resolveLazy(schema);
    if (s.kind === 'array') visit(s.items);
    else if (s.kind === 'map') visit(s.values);
    else if (s.kind === 'object') {
      const name = `${s.pkg}.${s.name}`;
      const known = byName.get(name);
      if (known === s) return;
      if (known) twice.push(name);
      byName.set(name, s);
      for (const f of Object.values(s.fields)) visit(f.schema);
    }
  };
  for (const k of builtinKinds) visit(k.schema);
  expect(twice).toEqual([]);
});
