import { afterAll, beforeAll } from 'vitest';
import { storageConformance } from '#storage/conformance.ts';
import type { Storage } from '#storage/storage.ts';
import { type EtcdCluster, eventually, startEtcd } from './etcd-fixture.ts';

let cluster: EtcdCluster;
let storage: Storage;

beforeAll(async () => {
  cluster = await startEtcd({ members: 3, tls: true });
  storage = await cluster.open();
});
afterAll(() => cluster?.stop());

storageConformance('etcd (3 members, TLS)', async () => ({
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
