import { expect, test } from 'vitest';
import { type Node, Nodes } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import { fakeDeps } from '../fake-deps.ts';
import type { Controller } from '../harness/controller.ts';
import { SubnetPool } from './cidrs.ts';
import { nodeIpamController } from './controller.ts';

interface Patch {
  readonly metadata: { readonly resourceVersion?: string; readonly annotations?: object };
  readonly spec?: object;
}

/** An API that does writes when it is told to, and caches that hear of them when they are told to. */
class Cluster {
  readonly nodes = new Map<string, Stored<Node>>();
  /** Writes on their way. */
  readonly late: (() => void)[] = [];
  /** Writes are done at once, and answered. */
  prompt = true;
  /** Writes fail. */
  broken = false;
  #version = 0;

  put(name: string, node: object = {}): void {
    const resourceVersion = String(++this.#version);
    const old = this.nodes.get(name);
    this.nodes.set(name, { ...old, ...node, metadata: { name, uid: name, resourceVersion } } as Stored<Node>);
  }

  #patch(name: string, { metadata: { resourceVersion }, spec }: Patch): Stored<Node> {
    if (this.broken) throw errors.unavailable('no answer');
    const node = this.nodes.get(name);
    if (!node) throw errors.notFound(Nodes, name);
    if (resourceVersion !== undefined && resourceVersion !== node.metadata.resourceVersion) {
      throw errors.conflict(Nodes, name, 'it has changed');
    }
    if (spec && node.spec?.podCIDR) throw errors.conflict(Nodes, name, 'a subnet is set once');
    this.put(name, spec ? { spec } : {});
    return this.nodes.get(name) as Stored<Node>;
  }

  /** A run of the controller, the cache it looks at, and its end: what it has sent stays on its way, and that is all. */
  run(): { controller: Controller; caches: FakeCaches; kill(): void } {
    const caches = new FakeCaches();
    let killed = false;
    const never = (): Promise<never> => new Promise(() => {});
    const client = {
      list: async () =>
        killed ? never() : { items: [...this.nodes.values()], resourceVersion: String(this.#version) },
      get: async (_kind: unknown, name: string) => {
        if (killed) return never();
        const node = this.nodes.get(name);
        if (!node) throw errors.notFound(Nodes, name);
        return node;
      },
      patch: async (_kind: unknown, { name }: { name: string }, { body }: { body: Patch }) => {
        if (killed) return never();
        if (this.prompt) return this.#patch(name, body);
        return new Promise((resolve, reject) => {
          this.late.push(() => {
            try {
              resolve(this.#patch(name, body));
            } catch (e) {
              reject(e);
            }
          });
        });
      },
    };
    const pools = [new SubnetPool('10.0.0.0/20', 24)];
    const controller = nodeIpamController(fakeDeps(caches, client), { pools, serviceCidrs: [] });
    const kill = (): void => {
      killed = true;
    };
    return { controller, caches, kill };
  }

  subnets(): (string | undefined)[] {
    return [...this.nodes.values()].map((n) => n.spec?.podCIDR);
  }
}

const { signal } = new AbortController();
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('a subnet whose gift the cache has not heard of is not given again', async () => {
  const cluster = new Cluster();
  for (const name of ['a', 'b']) cluster.put(name);
  const { controller, caches } = cluster.run();
  for (const node of cluster.nodes.values()) caches.set('Node', node);
  cluster.put('a', { spec: { podCIDR: '10.0.0.0/24' } });
  await controller.reconcile('b', signal);
  expect(cluster.subnets()).toEqual(['10.0.0.0/24', '10.0.1.0/24']);
});

test('what an earlier run sent and a server does later is refused', async () => {
  const cluster = new Cluster();
  for (const name of ['a', 'b']) cluster.put(name);
  const show = (caches: FakeCaches) => {
    for (const node of cluster.nodes.values()) caches.set('Node', node);
  };
  const first = cluster.run();
  show(first.caches);
  await first.controller.reconcile('b', signal);
  cluster.put('c');
  show(first.caches);
  cluster.prompt = false;
  void first.controller.reconcile('c', signal).catch(() => {});
  await settle();
  expect(cluster.late.length).toBe(1);
  cluster.prompt = true;
  first.kill();
  const second = cluster.run();
  show(second.caches);
  await second.controller.reconcile('a', signal);
  for (const write of cluster.late) write();
  await second.controller.reconcile('c', signal);
  expect(new Set(cluster.subnets()).size).toBe(3);
});

test('of a node that went meanwhile the subnet is free once the cache knows', async () => {
  const cluster = new Cluster();
  cluster.put('gone', { spec: { podCIDR: '10.0.0.0/24' } });
  cluster.put('a');
  const { controller, caches } = cluster.run();
  for (const node of cluster.nodes.values()) caches.set('Node', node);
  await controller.reconcile('a', signal);
  caches.remove('Node', cluster.nodes.get('gone') as Stored<Node>);
  cluster.nodes.delete('gone');
  cluster.put('b');
  for (const node of cluster.nodes.values()) caches.set('Node', node);
  await controller.reconcile('gone', signal);
  await controller.reconcile('b', signal);
  expect(cluster.subnets()).toEqual(['10.0.1.0/24', '10.0.0.0/24']);
});

/** Of 50 nodes without subnet, whose writes all wait. */
async function beginning() {
  const cluster = new Cluster();
  for (let i = 0; i < 50; i++) cluster.put(`n${i}`);
  const { controller, caches } = cluster.run();
  for (const node of cluster.nodes.values()) caches.set('Node', node);
  cluster.prompt = false;
  const begun = controller.reconcile('n0', signal);
  begun.catch(() => {});
  await settle();
  return { cluster, begun };
}

test('a run that begins writes to some nodes at a time, and to all of them before it gives a subnet', async () => {
  const { cluster, begun } = await beginning();
  const written: number[] = [];
  while (cluster.late.length > 0 && cluster.subnets().every((s) => s === undefined)) {
    const now = cluster.late.splice(0);
    written.push(now.length);
    for (const write of now) write();
    await settle();
  }
  await begun;
  // The last is the gift.
  expect(written).toEqual([16, 16, 16, 2, 1]);
  expect(cluster.subnets().filter((s) => s !== undefined)).toEqual(['10.0.0.0/24']);
});

test('a run that cannot write does not try it with thousands of nodes', async () => {
  const { cluster, begun } = await beginning();
  const [first, ...others] = cluster.late.splice(0);
  cluster.broken = true;
  first?.();
  await expect(begun).rejects.toThrow('no answer');
  for (const write of others) write();
  await settle();
  expect(cluster.late).toEqual([]);
});
