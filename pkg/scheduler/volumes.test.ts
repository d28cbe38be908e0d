import { expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import type { Client, InformerFactory } from '#client/types.ts';
import { Volumes } from './volumes.ts';

const SELECTED = 'volume.kubernetes.io/selected-node';

/** Binds a claim of which the cache shows this while its note of node a gets version 5. */
async function outcome(metadata: object): Promise<string> {
  const claim = { metadata: { namespace: 'ns', name: 'c', ...metadata }, spec: {}, status: {} };
  const informer = { addIndex: () => {}, addHandlers: () => {}, lister: { get: () => claim } };
  const informers = { informer: () => informer } as unknown as InformerFactory;
  const client = { patch: async () => ({ metadata: { resourceVersion: '5' } }) } as unknown as Client;
  const clock = new FakeClock();
  const volumes = new Volumes(client, clock, informers, () => {});
  const bound = volumes.bind(['ns/c'], { node: 'a', timeoutMs: 1000 }, new AbortController().signal);
  const failure = bound.then(
    () => 'bound',
    (e: Error) => e.message,
  );
  await clock.advance(1000);
  return failure;
}

test('a node that was turned down before anybody looked is heard of', async () => {
  expect(await outcome({ resourceVersion: '6' })).toBe('no volume for claim "ns/c" on node "a"');
});

test('a claim that is not known to be noted yet is waited for', async () => {
  expect(await outcome({ resourceVersion: '4', annotations: { [SELECTED]: 'b' } })).toContain('timed out');
});
