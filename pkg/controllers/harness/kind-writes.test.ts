import { expect, test } from 'vitest';
import { type ConfigMap, ConfigMaps, type Deployment, Deployments } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Client } from '#client/types.ts';
import { KindWrites } from './kind-writes.ts';

/** Answers a write as the server does: with a new version. */
function recording() {
  const sent: string[] = [];
  const answer = (verb: string) => async (_kind: unknown, o: Stored<object>) => {
    sent.push(verb);
    return { ...o, metadata: { ...o.metadata, resourceVersion: String(Number(o.metadata.resourceVersion) + 1) } };
  };
  return { sent, client: { update: answer('update'), updateStatus: answer('status') } as unknown as Client };
}
const metadata = { name: 'a', namespace: 'n', uid: 'u', resourceVersion: '5', creationTimestamp: '' };

test('an object is written if it differs, and what was answered counts as newest', async () => {
  const { sent, client } = recording();
  const written = new KindWrites(client, ConfigMaps);
  const old: Stored<ConfigMap> = { metadata, data: { a: '1' } };
  expect(await written.update({ metadata, data: { a: '1' } }, old)).toBe(old);
  expect(sent).toEqual([]);
  const next = await written.update({ metadata, data: { a: '2' } }, old);
  expect(sent).toEqual(['update']);
  expect(next.metadata.resourceVersion).toBe('6');
  expect(written.freshest(old)).toBe(next);
});

test('a status is written if it differs; none and an empty one are the same', async () => {
  const { sent, client } = recording();
  const written = new KindWrites(client, Deployments);
  const old: Stored<Deployment> = { metadata };
  expect(await written.status(old, {})).toBe(old);
  expect(sent).toEqual([]);
  const next = await written.status(old, { replicas: 2 });
  expect(sent).toEqual(['status']);
  expect(next.status).toEqual({ replicas: 2 });
  expect(written.freshest(old)).toBe(next);
  expect(await written.status(next, { replicas: 2 })).toBe(next);
  expect(sent).toEqual(['status']);
});
