import { describe, expect, test } from 'vitest';
import type { Kind } from '../kind.ts';
import type { KubeObject } from '../meta/objectmeta.ts';
import { type AnyField, type ObjectSchema, resolveLazy, type Schema } from '../schema/schema.ts';
import { created, updated } from './fixtures.ts';
import { builtinKinds, Evictions, Scales, TokenRequests } from './index.ts';

const kinds: readonly Kind[] = [
  ...builtinKinds,
  Evictions as unknown as Kind,
  Scales as unknown as Kind,
  TokenRequests as unknown as Kind,
];
const named = kinds.map((k) => [`${k.plural}.${k.group}`, k] as const);

/** Every object schema reachable from a kind, once. */
function schemasOf(root: Schema, seen = new Set<ObjectSchema>()): Set<ObjectSchema> {
  const s = resolveLazy(root);
  if (s.kind === 'array') return schemasOf(s.items, seen);
  if (s.kind === 'map') return schemasOf(s.values, seen);
  if (s.kind !== 'object' || seen.has(s)) return seen;
  seen.add(s);
  for (const f of Object.values(s.fields)) schemasOf(f.schema, seen);
  return seen;
}

test('a resource is declared once', () => {
  const names = named.map(([name]) => name);
  expect(names.filter((n, i) => names.indexOf(n) !== i)).toEqual([]);
});

test('what a PUT creates if it is not there', () => {
  expect(named.flatMap(([name, kind]) => (kind.createOnUpdate ? [name] : [])).sort()).toEqual([
    ...['clusterrolebindings', 'clusterroles'].map((k) => `${k}.rbac.authorization.k8s.io`),
    ...['endpoints.', 'events.', 'leases.coordination.k8s.io', 'limitranges.'],
    ...['rolebindings', 'roles'].map((k) => `${k}.rbac.authorization.k8s.io`),
    ...['runtimeclasses.node.k8s.io', 'services.'],
  ]);
});

test('what is shown by its own deletion', () => {
  expect(named.flatMap(([name, kind]) => (kind.returnsDeleted ? [name] : [])).sort()).toEqual([
    ...['persistentvolumeclaims.', 'persistentvolumes.', 'pods.', 'podtemplates.', 'resourcequotas.'],
    ...['serviceaccounts.', 'services.'],
  ]);
});

test('short names mean one resource', () => {
  const short = builtinKinds.flatMap((k) => k.shortNames);
  expect(short.filter((n, i) => short.indexOf(n) !== i)).toEqual([]);
});

describe.each(named)('%s', (_, kind) => {
  const schemas = [...schemasOf(kind.schema)];

  test('field numbers are unique in each message', () => {
    for (const s of schemas) {
      const numbers = Object.values(s.fields)
        .map((f: AnyField) => f.num)
        .filter((n) => n > 0);
      expect(new Set(numbers).size, s.name).toBe(numbers.length);
    }
  });

  test('everything is described', () => {
    for (const s of schemas) {
      expect(s.doc, s.name).toMatch(/\.$/);
      for (const [name, f] of Object.entries(s.fields)) {
        if (!f.inline) expect(f.doc, `${s.name}.${name}`).toMatch(/[.)]$/);
      }
    }
    for (const c of kind.columns) expect(c.description, c.name).toMatch(/\.$/);
  });

  test('keys of lists are fields of their items', () => {
    for (const s of schemas) {
      for (const [name, f] of Object.entries(s.fields)) {
        const list = resolveLazy(f.schema);
        if (list.kind !== 'array') continue;
        const item = resolveLazy(list.items);
        const keys = [...(list.mapKeys ?? []), ...(list.mergeKey ? [list.mergeKey] : [])];
        if (keys.length > 0 && item.kind === 'object') {
          const inside = [...schemasOf(item)].flatMap((x) => Object.keys(x.fields));
          for (const k of keys) expect(inside, `${s.name}.${name}`).toContain(k);
        }
      }
    }
  });
});

/** Small and repeatable random numbers (mulberry32). */
function randomFrom(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const WORDS = ['', 'a', 'Always', 'None', 'TCP', '10.0.0.1', 'x/y', '*', 'a'.repeat(300), '-'];
const MAX_DEPTH = 7;

/** Any value that passes the schema check: fields come and go at random, required ones too. */
function randomValue(schema: Schema, random: () => number, depth: number): unknown {
  const s = resolveLazy(schema);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  switch (s.kind) {
    case 'object':
      return randomFields(s, random, depth);
    case 'array':
      return depth > MAX_DEPTH
        ? []
        : Array.from({ length: Math.floor(random() * 3) }, () => randomValue(s.items, random, depth + 1));
    case 'map':
      return depth > MAX_DEPTH ? {} : { [pick(WORDS)]: randomValue(s.values, random, depth + 1) };
    case 'bool':
      return random() < 0.5;
    case 'int32':
    case 'int64':
    case 'double':
      return pick([0, 1, -1, 80, 2 ** 31 - 1]);
    case 'quantity':
      return pick(['0', '1', '500m', '1Gi', '-1']);
    case 'time':
      return '2026-01-01T00:00:00Z';
    case 'microTime':
      return '2026-01-01T00:00:00.000000Z';
    case 'intOrString':
      return pick<string | number>([0, 1, '25%', 'http']);
    case 'raw':
    case 'fieldsV1':
      return {};
    case 'bytes':
      return 'eA==';
    default:
      return s.kind === 'string' && s.enum && random() < 0.7 ? pick(s.enum) : pick(WORDS);
  }
}

function randomFields(s: ObjectSchema, random: () => number, depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  if (depth > MAX_DEPTH) return out;
  for (const [name, f] of Object.entries(s.fields)) {
    const likely = depth < 2 || f.required ? 0.85 : 0.35;
    if (random() > likely) continue;
    if (f.inline) Object.assign(out, randomFields(resolveLazy(f.schema) as ObjectSchema, random, depth));
    else out[name] = randomValue(f.schema, random, depth + 1);
  }
  return out;
}

/** All hooks of a kind, on a new object and on a change of it. */
function exercise(kind: Kind, a: object, b: object): void {
  const { object } = created<KubeObject>(kind, a);
  const { object: next } = updated<KubeObject>(kind, object, (o) => Object.assign(o, b));
  kind.validateStatus?.(next, object);
  kind.gracePeriod?.(next, undefined);
  for (const f of Object.values(kind.fields)) expect(typeof f(next)).toBe('string');
  kind.scale?.get(next);
  for (const c of kind.columns) c.cell(next, 0);
}

describe.each(named)('%s: no input makes a hook throw', (_, kind) => {
  test('nearly empty objects', () => {
    const metadata = { name: 'x', namespace: 'default' };
    for (const o of [{ metadata }, { metadata, spec: {} }, { metadata, spec: {}, status: {} }]) exercise(kind, o, o);
  });

  test('random objects', () => {
    const random = randomFrom(20_260_101);
    for (let i = 0; i < 60; i++) {
      const a = randomFields(kind.schema, random, 0);
      const b = randomFields(kind.schema, random, 0);
      exercise(kind, a, b);
    }
  });
});
