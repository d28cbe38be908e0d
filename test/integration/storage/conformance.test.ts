import { afterAll, beforeAll, describe } from 'vitest';
import { storageConformance } from '#storage/conformance.ts';
import type { Storage } from '#storage/storage.ts';
import { type EtcdCluster, type EtcdMember, eventually, startEtcd } from './etcd-fixture.ts';

describe.each<[string, (m: EtcdMember) => string]>([
  ['TLS', (m) => m.url],
  ['their sockets', (m) => m.socket],
])('three members by %s', (_, endpoint) => {
  let cluster: EtcdCluster;
  let storage: Storage;

  beforeAll(async () => {
    cluster = await startEtcd({ members: 3, tls: true });
    storage = await cluster.open(cluster.members.map(endpoint));
  });
  afterAll(() => cluster?.stop());

  storageConformance('etcd', async () => ({
    storage,
    // etcd looks for expired leases every half second.
    expire: async () => {
      const { items } = await storage.list('/registry/conformance/');
      const mortal = items.filter((kv) => kv.key.includes('mortal')).map((kv) => kv.key);
      await eventually('the keys expire', async () => {
        const left = await Promise.all(mortal.map((k) => storage.get(k)));
        return left.every((kv) => kv === undefined);
      });
    },
  }));
});
