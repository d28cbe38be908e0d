import { expect, test } from 'vitest';
import { Pods, ReplicaSets } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { Client } from '#client/types.ts';
import { pod, replicaSet } from '../fixtures.ts';
import { claim } from './claim.ts';

const owner = replicaSet({ name: 'web', replicas: 1 });
const live = (more: object) => async () => ({ ...owner, metadata: { ...owner.metadata, ...more } });
const absent = () => Promise.reject(errors.notFound(ReplicaSets, 'web'));
const ending = { deletionTimestamp: '2026-01-01T12:00:00Z' };

test.each<[string, () => Promise<unknown>, string[]]>([
  ['that is there', live({}), ['orphan']],
  ['that is gone', absent, []],
  ['of whose name there is another one', live({ uid: 'another' }), []],
  ['that is being deleted', live(ending), []],
])('an owner %s, by the server and not by the cache, adopts: %j', async (_, get, expected) => {
  const patched: string[] = [];
  const client = {
    get,
    patch: async (_kind: unknown, { name }: { name: string }) => {
      patched.push(name);
      return pod({ name });
    },
  } as unknown as Client;
  const orphans = [pod({ name: 'orphan', labels: { app: 'a' } }), pod({ name: 'other', labels: { app: 'b' } })];
  const matches = (labels: Readonly<Record<string, string>> | undefined) => labels?.app === 'a';
  await claim(client, { ownerKind: ReplicaSets, owner, childKind: Pods, owned: [], orphans, matches });
  expect(patched).toEqual(expected);
});

test('an owned one is let go when its labels no longer match, unless it is ending', async () => {
  const bodies: unknown[] = [];
  const client = {
    patch: async (_kind: unknown, { name }: { name: string }, { body }: { body: unknown }) => {
      bodies.push(body);
      return pod({ name });
    },
  } as unknown as Client;
  const owned = [
    pod({ name: 'mine', labels: { app: 'a' } }),
    pod({ name: 'debug', labels: { app: 'debug' } }),
    pod({ name: 'ends', labels: { app: 'debug' }, deleting: true }),
  ];
  const request = { ownerKind: ReplicaSets, owner, childKind: Pods, owned, orphans: [] };
  const claimed = await claim(client, { ...request, matches: (labels) => labels?.app === 'a' });
  expect(claimed.map((p) => p.metadata.name)).toEqual(['mine']);
  const ownerReferences = [{ $patch: 'delete', uid: owner.metadata.uid }];
  expect(bodies).toEqual([{ metadata: { uid: 'debug', ownerReferences } }]);
});
