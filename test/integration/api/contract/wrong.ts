import type { Kind } from '#api/kind.ts';
import { set } from '#api/kinds/fixtures.ts';
import type { AskOptions } from '../http.ts';
import { collectionOf, named, sampleOf } from './samples.ts';

/** A request that must fail, and how. */
export interface Wrong {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly options: AskOptions;
  readonly code: number;
  readonly reason: string;
  /** The field to blame. */
  readonly field?: string;
}

type Change = readonly [name: string, path: string, value: unknown, code: number, field?: string];

/** What no kind puts up with. */
const ALWAYS: readonly Change[] = [
  ['a name that is none', 'metadata.name', 'Not/A Name', 422, 'metadata.name'],
  ['no name', 'metadata.name', undefined, 422, 'metadata.name'],
  ['a wrong label', 'metadata.labels', { a: 'b c' }, 422, 'metadata.labels'],
  ['a label with a wrong key', 'metadata.labels', { '-a': 'b' }, 422, 'metadata.labels'],
  ['an annotation with a wrong key', 'metadata.annotations', { 'a b': 'c' }, 422, 'metadata.annotations'],
  ['labels that are none', 'metadata.labels', 'x', 400],
  ['metadata that is none', 'metadata', 7, 400],
  ['another kind', 'kind', 'Nonsense', 400],
  ['another version', 'apiVersion', 'nonsense/v7', 400],
  ['a version of its own', 'metadata.resourceVersion', '5', 400],
  ['another namespace', 'metadata.namespace', 'elsewhere', 400],
];

const reasonOf = (code: number): string =>
  ({ 400: 'BadRequest', 404: 'NotFound', 415: 'UnsupportedMediaType', 422: 'Invalid' })[code] ?? '';

function spoiled(kind: Kind, changes: readonly (readonly [path: string, value: unknown])[]): object {
  const o = named(kind, 'wrong');
  for (const [path, value] of changes) {
    if (path === 'metadata' || path === 'kind' || path === 'apiVersion') Object.assign(o, { [path]: value });
    else set(o, path, structuredClone(value));
  }
  return o;
}

/** Every wrong request for a kind: those that no kind answers, and those of its sample. */
export function wrongOnes(kind: Kind): Wrong[] {
  const path = collectionOf(kind);
  const one = (name: string, code: number, over: Partial<Wrong>): Wrong => ({
    name: `${kind.plural}: ${name}`,
    method: 'POST',
    path,
    options: {},
    code,
    reason: reasonOf(code),
    ...over,
  });
  const made = (name: string, code: number, body: unknown, field?: string): Wrong =>
    one(name, code, { options: { body }, ...(field ? { field } : {}) });
  // Limit ranges are given a name.
  const always = ALWAYS.filter(([name]) => name !== 'no name' || kind.plural !== 'limitranges');
  const general = always.map(([name, at, value, code, field]) => made(name, code, spoiled(kind, [[at, value]]), field));
  const own = (sampleOf(kind)?.bad ?? []).map(([at, value, field]) =>
    made(`${at} = ${JSON.stringify(value)}`, 422, spoiled(kind, [[at, value]]), field),
  );
  const json = { 'content-type': 'application/json' };
  const strict = { path: `${path}?fieldValidation=Strict`, options: { body: spoiled(kind, [['nonsense', 1]]) } };
  const missing = `${path}/missing`;
  return [
    ...general,
    ...own,
    one('an unknown field, strictly', 400, strict),
    one('no JSON', 400, { options: { body: Buffer.from('{"a":'), headers: json } }),
    one('a list', 400, { options: { body: [] } }),
    one('an unknown way to validate', 422, {
      path: `${path}?fieldValidation=Lax`,
      options: { body: named(kind, 'wrong') },
    }),
    one('an unknown dry run', 422, { path: `${path}?dryRun=Some`, options: { body: named(kind, 'wrong') } }),
    one('an unknown media type', 415, { options: { body: {}, headers: { 'content-type': 'text/html' } } }),
    one('a wrong label selector', 400, { method: 'GET', path: `${path}?labelSelector=a%20in` }),
    one('a wrong field selector', 400, { method: 'GET', path: `${path}?fieldSelector=spec.nonsense%3D1` }),
    one('a wrong token', 400, { method: 'GET', path: `${path}?continue=nonsense` }),
    one('an absent one, read', 404, { method: 'GET', path: missing }),
    one('an absent one, patched', 404, { method: 'PATCH', path: missing, options: { body: {} } }),
    one('an absent one, deleted', 404, { method: 'DELETE', path: missing }),
  ];
}
