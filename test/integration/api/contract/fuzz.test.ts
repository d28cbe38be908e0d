import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { builtinKinds } from '#api/kinds/index.ts';
import type { Status } from '#api/meta/errors.ts';
import { useCluster } from '../../../bed/suite.ts';
import { Wire } from '../http.ts';
import { collectionOf, NAMESPACE, named, sampleOf } from './samples.ts';

const cluster = useCluster('integration-fuzz', { apiservers: 1, without: ['scheduler', 'controller-manager'] });
let wire: Wire;
const kinds = builtinKinds.filter((k) => sampleOf(k));
/** The same attempts each time, so that `make test` fails for what has changed; `make fuzz` tries others, and more. */
const SEED = Number(process.env.FUZZ_SEED ?? 1);
const RUNS = Number(process.env.FUZZ_RUNS ?? 1500);
const LANES = 8;
const PATCH_TYPES = ['json-patch+json', 'merge-patch+json', 'strategic-merge-patch+json', 'apply-patch+yaml'];

type Json = unknown;
type Path = readonly (string | number)[];

/** Every place in a value. */
function placesIn(v: Json, at: Path = []): Path[] {
  if (typeof v !== 'object' || v === null) return [at];
  const inside = Object.entries(v).flatMap(([k, x]) => placesIn(x, [...at, Array.isArray(v) ? Number(k) : k]));
  return [at, ...inside];
}

/** The value with something done at a place: replaced, removed or doubled. */
function mutated(v: Json, [key, ...rest]: Path, change: Mutation): Json {
  if (key === undefined) return change.to;
  if (Array.isArray(v)) {
    if (rest.length === 0 && change.how === 'remove') return v.filter((_, i) => i !== key);
    if (rest.length === 0 && change.how === 'double') return [...v, v[key as number]];
    return v.map((x, i) => (i === key ? mutated(x, rest, change) : x));
  }
  const o = v as Record<string, Json>;
  if (rest.length === 0 && change.how === 'remove')
    return Object.fromEntries(Object.entries(o).filter(([k]) => k !== key));
  if (rest.length === 0 && change.how === 'double') return { ...o, [`${key}x`]: o[key] };
  if (rest.length === 0 && change.how === 'name') return { ...o, [STRANGE_KEYS[change.place % 4] ?? '']: change.to };
  return { ...o, [key]: mutated(o[key], rest, change) };
}

interface Mutation {
  readonly place: number;
  readonly how: 'replace' | 'remove' | 'double' | 'name';
  readonly to: Json;
}
const STRANGE_KEYS = ['constructor', '__proto__', 'toString', ''];
const strange = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    '',
    ' ',
    '__proto__',
    'constructor',
    'toString',
    '\u0000',
    '🚢'.repeat(99),
    '-1',
    '1e99',
    '../..',
    'a/b',
    '%',
  ),
  fc.constantFrom(-1, 0, 1e308, -1e308, 2 ** 31, 2 ** 53, 1.5, null, true, [], {}, [[]], [null], { '': {} }),
);
const mutation: fc.Arbitrary<Mutation> = fc.record({
  place: fc.nat(),
  how: fc.constantFrom('replace', 'replace', 'remove', 'double', 'name'),
  to: strange,
});

interface Attempt {
  readonly method: string;
  readonly path: string;
  readonly body: Json;
  readonly type: string;
}
const kindOf = fc.constantFrom(...kinds);
const spoiled = (kind: (typeof kinds)[number], changes: readonly Mutation[]): Json =>
  changes.reduce<Json>(
    (o, c) => {
      const places = placesIn(o);
      return mutated(o, places[c.place % places.length] ?? [], c);
    },
    named(kind, 'fuzz'),
  );

const attempt: fc.Arbitrary<Attempt> = fc.oneof(
  fc.record({ kind: kindOf, body: strange }).map(({ kind, body }) => ({
    ...{ method: 'POST', path: `${collectionOf(kind)}?dryRun=All`, body, type: 'application/json' },
  })),
  ...[1, 2, 3].map((most) =>
    fc
      .record({ kind: kindOf, changes: fc.array(mutation, { minLength: 1, maxLength: most }) })
      .map(({ kind, changes }) => ({
        ...{
          method: 'POST',
          path: `${collectionOf(kind)}?dryRun=All`,
          body: spoiled(kind, changes),
          type: 'application/json',
        },
      })),
  ),
  fc
    .record({ type: fc.constantFrom(...PATCH_TYPES), changes: fc.array(mutation, { maxLength: 3 }), kind: kindOf })
    .map((a) => ({
      method: 'PATCH',
      path: `${collectionOf(a.kind)}/fuzzed?dryRun=All&fieldManager=fuzz&force=${a.type.startsWith('apply')}`,
      body: spoiled(a.kind, a.changes),
      type: `application/${a.type}`,
    })),
  fc.record({ type: fc.constantFrom(...PATCH_TYPES), body: strange, kind: kindOf }).map(({ type, body, kind }) => ({
    ...{
      method: 'PATCH',
      path: `${collectionOf(kind)}/fuzzed?dryRun=All&fieldManager=fuzz`,
      body,
      type: `application/${type}`,
    },
  })),
  fc.record({ kind: kindOf, query: fc.webQueryParameters() }).map(({ kind, query }) => ({
    ...{ method: 'GET', path: `${collectionOf(kind)}?limit=2&${query}`, body: undefined, type: 'application/json' },
  })),
);

beforeAll(async () => {
  wire = await Wire.to(cluster());
  await wire.ok('POST', '/api/v1/namespaces', { metadata: { name: NAMESPACE } });
  await wire.ok('POST', `/api/v1/namespaces/${NAMESPACE}/serviceaccounts`, { metadata: { name: 'default' } });
  // Something to patch, of every kind whose name is free.
  for (const kind of kinds) {
    const object = named(kind, 'fuzzed');
    if (object.metadata.name === 'fuzzed') await wire.raw('POST', collectionOf(kind), { body: object });
  }
});

/** Sends it. @returns what went wrong with the server, not with the request */
async function accident({ method, path, body, type }: Attempt): Promise<string | undefined> {
  const headers = { 'content-type': type };
  const answer = await wire.raw(method, path, { headers, ...(body === undefined ? {} : { body }) });
  if (answer.code < 500) {
    if (answer.code < 400) return undefined;
    const status = JSON.parse(answer.body.toString()) as Partial<Status>;
    return status.kind === 'Status' && status.message ? undefined : `no Status: ${answer.body}`;
  }
  return `${answer.code}: ${answer.body}`;
}

test('whatever is sent, the server says what is wrong with it, and lives', async () => {
  const attempts = fc.sample(attempt, { seed: SEED, numRuns: RUNS }).values();
  const accidents: object[] = [];
  const lane = async (): Promise<void> => {
    for (const a of attempts) {
      const what = await accident(a).catch((e: Error) => e.message);
      if (what) accidents.push({ what, ...a });
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  expect(accidents, `FUZZ_SEED=${SEED}`).toEqual([]);
  expect((await wire.raw('GET', '/readyz')).code).toBe(200);
}, 600_000);
