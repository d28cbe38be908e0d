import { expect, test } from 'vitest';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { type CacheEntry, type CacheEvent, EventFrames } from '../cache/types.ts';
import { shownObject, visibleEvent } from './visible.ts';

const entry = (app: string, revision: number): CacheEntry => ({
  key: 'ns/a',
  object: {
    metadata: { name: 'a', labels: { app }, resourceVersion: String(revision) },
  } as unknown as Stored<KubeObject>,
  bytes: Buffer.alloc(0),
  revision,
});
const event = (type: CacheEvent['type'], now: string, before?: string): CacheEvent => ({
  type,
  entry: entry(now, 9),
  ...(before === undefined ? {} : { previous: entry(before, 5) }),
  revision: 9,
  frames: new EventFrames(),
});
const match = (o: Stored<KubeObject>): boolean => o.metadata.labels?.app === 'web';
const told = (e: ReturnType<typeof visibleEvent>): string | undefined =>
  e &&
  `${e.type} ${shownObject(e).metadata.labels?.app}@${shownObject(e).metadata.resourceVersion}${e.entry ? ' encoded' : ''}`;

test.each<[CacheEvent, string | undefined, string]>([
  [event('ADDED', 'web'), 'ADDED web@9 encoded', 'ADDED web@9 encoded'],
  [event('ADDED', 'db'), undefined, 'ADDED db@9 encoded'],
  [event('MODIFIED', 'web', 'web'), 'MODIFIED web@9 encoded', 'MODIFIED web@9 encoded'],
  [event('MODIFIED', 'web', 'db'), 'ADDED web@9 encoded', 'MODIFIED web@9 encoded'],
  // It leaves the selection: its last matching state, at the revision of the change.
  [event('MODIFIED', 'db', 'web'), 'DELETED web@9', 'MODIFIED db@9 encoded'],
  [event('MODIFIED', 'db', 'db'), undefined, 'MODIFIED db@9 encoded'],
  [event('DELETED', 'web', 'web'), 'DELETED web@9 encoded', 'DELETED web@9 encoded'],
  [event('DELETED', 'db', 'db'), undefined, 'DELETED db@9 encoded'],
])('case %#', (e, selected, all) => {
  const before = structuredClone(e.previous?.object);
  expect(told(visibleEvent(e, match))).toBe(selected);
  expect(told(visibleEvent(e, undefined))).toBe(all);
  expect(e.previous?.object).toEqual(before);
});
