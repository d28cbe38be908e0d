import { test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { type Node, Nodes, type Service, Services } from '#api/kinds/index.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Write } from '../fake-api.ts';
import { FATES, FakeProcess, pick, walks } from '../fake-process.ts';
import { addressesHeld } from './assign.ts';
import { serviceLoadBalancer } from './controller.ts';
import { parsePools } from './pools.ts';

const NAMES = ['s0', 's1', 's2', 's3', 's4'] as const;
const NODES = ['n0', 'n1'] as const;
const DEEDS = { service: 10, gone: 4, type: 3, wish: 2, theirs: 1, node: 1, time: 2, begin: 5 };
type Deed = keyof typeof DEEDS;
const POOL = ['203.0.113.1', '203.0.113.2'];

const asks = ({ spec }: Service): boolean => spec?.type === 'LoadBalancer' && !spec.loadBalancerClass;

/** Services that come, go and want addresses of one small pool. */
class Scene {
  readonly run = new FakeProcess([Services, Nodes], (deps) =>
    serviceLoadBalancer(deps, parsePools({ lan: POOL.join('-') })),
  );
  readonly broken = new Set<string>();
  #serial = 0;

  constructor() {
    this.run.api.judge = (write) => this.#judge(write);
  }

  /** What is seen to be another one's is not given. */
  #judge({ by, kind, old, next }: Write): void {
    if (kind !== Services.kind || !by.alive || !old || !next) return;
    const had = addressesHeld(old as Service);
    for (const ip of addressesHeld(next as Service)) {
      if (had.includes(ip)) continue;
      const seen = this.run.api
        .list(Services)
        .filter(asks)
        .filter((s) => this.run.seen(Services, `ns/${s.metadata.name}`) === s);
      const other = seen.find((s) => s.metadata.name !== old.metadata.name && addressesHeld(s).includes(ip));
      if (other) this.broken.add(`${old.metadata.name} got ${ip} of ${other.metadata.name}`);
    }
  }

  #service(name: string, spec: object): void {
    const { api, clock } = this.run;
    const old = api.get(Services, `ns/${name}`);
    const fresh = { namespace: 'ns', name, uid: `${name}-${this.#serial++}`, creationTimestamp: apiTime(clock.now()) };
    const status = old?.status ? { status: old.status } : {};
    const next = { ports: [{ port: 80 }], ipFamilies: ['IPv4'], ...old?.spec, ...spec };
    api.put(Services, { metadata: old?.metadata ?? fresh, spec: next, ...status } as Service);
  }

  #node(name: string): void {
    const { api } = this.run;
    const status = {
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [{ type: 'InternalIP', address: `192.0.2.${name.slice(1)}` }],
    };
    api.put(Nodes, { metadata: { name, uid: `${name}-${this.#serial++}` }, status } as Node);
  }

  act = (what: Deed, i: number, j: number): unknown => {
    const name = pick(NAMES, i);
    const there = this.run.api.get(Services, `ns/${name}`);
    if (what === 'begin') return this.run.begin(i % 4, pick(FATES, j));
    if (what === 'time') return this.run.advance(1000 * (1 + i));
    const node = pick(NODES, i);
    if (what === 'node') return this.run.api.get(Nodes, node) ? this.run.api.remove(Nodes, node) : this.#node(node);
    if (what === 'gone') return this.run.api.remove(Services, `ns/${name}`);
    if (what === 'service') return there ? undefined : this.#service(name, { type: 'LoadBalancer' });
    if (!there) return undefined;
    if (what === 'type') return this.#service(name, { type: j % 2 ? 'ClusterIP' : 'LoadBalancer' });
    if (what === 'theirs') return this.#service(name, { loadBalancerClass: j % 2 ? 'example.org/x' : undefined });
    return this.#service(name, { loadBalancerIP: j % 3 ? POOL[j % POOL.length] : undefined });
  };

  missing(): string[] {
    const all = this.run.api.list(Services);
    const asking = all.filter(asks);
    const given = asking.flatMap(addressesHeld);
    const free = POOL.filter((ip) => !given.includes(ip));
    const without = asking.filter((s) => addressesHeld(s).length === 0);
    const missed = without.filter((s) => free.some((ip) => !s.spec?.loadBalancerIP || s.spec.loadBalancerIP === ip));
    const keeps = all.filter((s) => s.spec?.type !== 'LoadBalancer' && addressesHeld(s).length > 0);
    const told = without.filter((s) => !s.status?.conditions?.some((c) => c.status === 'False'));
    return [
      ...(new Set(given).size === given.length ? [] : [`given twice: ${given}`]),
      ...missed.map((s) => `${s.metadata.name} has none, ${free} are free`),
      ...keeps.map((s) => `${s.metadata.name} keeps ${addressesHeld(s)}`),
      ...told.map((s) => `${s.metadata.name} is not told why it has none`),
    ];
  }
}

test('of what was given just now, and not been heard of yet, nothing is given again', async () => {
  const { run, act } = new Scene();
  for (const i of [0, 1]) act('service', i, 0);
  run.api.tellAll();
  await run.step(['work', 0, 0], act);
  expect(run.api.list(Services).flatMap(addressesHeld).sort()).toEqual(POOL);
});

test('what becomes free is given to one that waits for it', async () => {
  const { run, act } = new Scene();
  for (const i of [0, 1, 2]) act('service', i, 0);
  await run.calm();
  act('gone', 0, 0);
  await run.calm();
  expect(run.api.list(Services).flatMap(addressesHeld).sort()).toEqual(POOL);
});

property.prop([walks(DEEDS)], { numRuns: 60 })(
  'addresses of a pool are given to whom wants them, each once, whatever happens in which order',
  async (steps) => {
    const scene = new Scene();
    for (const step of steps) await scene.run.step(step, scene.act);
    for (let i = 0; i < 3; i++) {
      await scene.run.calm();
      await scene.run.advance(1000);
    }
    await scene.run.calm();
    expect([...scene.broken, ...scene.missing()]).toEqual([]);
  },
);
