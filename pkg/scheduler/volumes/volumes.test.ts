import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { type PersistentVolume, type PersistentVolumeClaim, PersistentVolumes } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import type { Client } from '#client/types.ts';
import { makeNode, makePod, makeState } from '../fixtures.ts';
import { volumeBinding } from '../plugins/volume-binding.ts';
import { type Promised, Volumes } from './volumes.ts';

const SELECTED = 'volume.kubernetes.io/selected-node';
const CLAIM = 'PersistentVolumeClaim';
const VOLUME = 'PersistentVolume';

type Claim = Stored<PersistentVolumeClaim>;
type Volume = Stored<PersistentVolume>;

const claimOf = (name: string, storageClassName = 'late') =>
  ({
    metadata: { namespace: 'ns', name, uid: `uid-${name}`, resourceVersion: '1' },
    spec: { storageClassName, accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    status: {},
  }) as unknown as Claim;
const volumeOf = (name: string, on?: string) => {
  const terms = [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [on] }] }];
  return {
    metadata: { name, uid: name, resourceVersion: '1' },
    spec: {
      ...{ capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'late' },
      ...(on ? { nodeAffinity: { required: { nodeSelectorTerms: terms } } } : {}),
    },
    status: { phase: 'Available' },
  } as unknown as Volume;
};
const CLASSES = [
  ['late', 'kubernetes.io/no-provisioner'],
  ['made', 'example.org/x'],
].map(([name, provisioner]) => ({ metadata: { name }, provisioner, volumeBindingMode: 'WaitForFirstConsumer' }));

const user = (name: string, ...claims: string[]) =>
  makePod(name, {
    spec: { volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })) },
  });

/** An API with optimistic locks, and caches that hear of it when they are told to. */
class Store {
  readonly clock = new FakeClock();
  readonly woken: string[] = [];
  readonly caches: FakeCaches;
  readonly volumes: Volumes;
  writes = 0;
  /** What writes do before they arrive. */
  before: () => Promise<void> | void = () => {};
  #version = 1;
  readonly #objects = new Map<string, Stored<KubeObject>>();

  constructor(claims: readonly Claim[], volumes: readonly Volume[]) {
    this.caches = new FakeCaches({ StorageClass: CLASSES, [CLAIM]: claims, [VOLUME]: volumes });
    for (const c of claims) this.#objects.set(`${CLAIM} ns/${c.metadata.name}`, c);
    for (const v of volumes) this.#objects.set(`${VOLUME} ${v.metadata.name}`, v);
    const client = {
      update: async ({ kind }: { kind: string }, o: Stored<KubeObject>) => {
        await this.before();
        const now = this.get(kind, o.metadata.name);
        if (now.metadata.resourceVersion !== o.metadata.resourceVersion) {
          throw errors.conflict(PersistentVolumes, o.metadata.name, 'changed');
        }
        return this.put(kind, o);
      },
      patch: async ({ kind }: { kind: string }, { name }: { name: string }, { body }: { body: Claim }) => {
        await this.before();
        const { metadata, ...rest } = this.get(kind, name);
        const annotations = { ...metadata.annotations, ...body.metadata.annotations };
        return this.put(kind, { ...rest, metadata: { ...metadata, annotations } });
      },
    } as unknown as Client;
    this.volumes = new Volumes(client, this.clock, this.caches.factory, ({ type, volume, claim }) => {
      this.woken.push(`${type} ${(volume ?? claim)?.metadata.name}`);
    });
    this.woken.length = 0;
  }

  get(kind: string, name: string): Stored<KubeObject> {
    return this.#objects.get(kind === CLAIM ? `${kind} ns/${name}` : `${kind} ${name}`) as Stored<KubeObject>;
  }

  put(kind: string, o: Stored<KubeObject>): Stored<KubeObject> {
    this.writes++;
    const stored = { ...o, metadata: { ...o.metadata, resourceVersion: String(++this.#version) } };
    const { name, namespace } = o.metadata;
    this.#objects.set(namespace ? `${kind} ${namespace}/${name}` : `${kind} ${name}`, stored);
    return stored;
  }

  /** The cache hears of an object as it is now. */
  show(kind: string, name: string): void {
    this.caches.set(kind, this.get(kind, name));
  }

  /** Somebody else writes, and the cache hears of it. */
  change(kind: string, o: Stored<KubeObject>): void {
    this.put(kind, o);
    this.show(kind, o.metadata.name);
  }

  /** As the binder completes a claim, seen at once. */
  complete(claim: string, volumeName: string): void {
    const { metadata, ...c } = this.get(CLAIM, claim) as Claim;
    const annotations = { ...metadata.annotations, 'pv.kubernetes.io/bind-completed': 'yes' };
    this.put(CLAIM, { ...c, metadata: { ...metadata, annotations }, spec: { ...c.spec, volumeName } } as Claim);
    this.show(CLAIM, claim);
  }

  reserve(pod: ReturnType<typeof user>, node: string): Promised {
    const promised = this.volumes.reserve(pod, makeNode(node));
    if (!promised) throw new Error('nothing to reserve');
    return promised;
  }

  /** What becomes of writing it, once all has settled. */
  async bind(promised: Promised, meanwhile: () => void = () => {}): Promise<string> {
    let outcome = 'open';
    void this.volumes.bind(promised, 1000, new AbortController().signal).then(
      () => {
        outcome = 'bound';
      },
      (e: Error) => {
        outcome = e.message;
      },
    );
    await this.clock.advance(0);
    meanwhile();
    await this.clock.advance(1000);
    return outcome;
  }
}

const claimant = (s: Store, name: string): string | undefined => (s.get(VOLUME, name) as Volume).spec?.claimRef?.name;

describe('volumes that are there', () => {
  test('one volume is promised to one pod, from the decision until everybody sees it', async () => {
    const s = new Store([claimOf('c'), claimOf('d')], [volumeOf('v')]);
    const first = s.reserve(user('p', 'c'), 'a');
    const second = () => s.reserve(user('q', 'd'), 'a');
    expect(second).toThrow('node "a" has no volumes left to bind');
    const outcome = await s.bind(first, () => {
      expect(second).toThrow();
      s.complete('c', 'v');
    });
    expect(outcome).toBe('bound');
    // The claim was heard of before its volume.
    s.volumes.release(first);
    expect(second).toThrow();
    s.show(VOLUME, 'v');
    expect(second).toThrow();
    expect(claimant(s, 'v')).toBe('c');
  });

  test('a pod that is not bound gives its volume back, and others hear of it', async () => {
    const s = new Store([claimOf('c'), claimOf('d')], [volumeOf('v')]);
    const first = s.reserve(user('p', 'c'), 'a');
    s.put(VOLUME, s.get(VOLUME, 'v'));
    expect(await s.bind(first)).toContain('changed');
    s.volumes.release(first);
    expect(s.woken).toEqual(['volume v']);
    s.show(VOLUME, 'v');
    const second = s.reserve(user('q', 'd'), 'a');
    await s.bind(second);
    expect(claimant(s, 'v')).toBe('d');
  });

  test('what somebody else took since the decision is left alone', async () => {
    const s = new Store([claimOf('c')], [volumeOf('v')]);
    const promised = s.reserve(user('p', 'c'), 'a');
    const v = s.get(VOLUME, 'v') as Volume;
    s.put(VOLUME, { ...v, spec: { ...v.spec, claimRef: { namespace: 'ns', name: 'd', uid: 'uid-d' } } } as Volume);
    s.show(VOLUME, 'v');
    expect(await s.bind(promised)).toBe('persistentvolume "v" is not free any more');
  });

  test('pods that share a claim get one volume, which is written once', async () => {
    const s = new Store([claimOf('c')], [volumeOf('u', 'b'), volumeOf('v', 'a')]);
    const both = [s.reserve(user('p', 'c'), 'a'), s.reserve(user('q', 'c'), 'a')];
    expect(both.map((b) => b.taken[0]?.volume.metadata.name)).toEqual(['v', 'v']);
    expect(() => s.reserve(user('r', 'c'), 'b')).toThrow();
    const { signal } = new AbortController();
    const outcomes = Promise.allSettled(both.map((b) => s.volumes.bind(b, 1000, signal)));
    await s.clock.advance(0);
    expect([claimant(s, 'u'), claimant(s, 'v'), s.writes]).toEqual([undefined, 'c', 1]);
    s.show(VOLUME, 'v');
    s.complete('c', 'v');
    expect((await outcomes).map((o) => o.status)).toEqual(['fulfilled', 'fulfilled']);
  });

  test('the small wish takes the small volume', () => {
    const big = { ...volumeOf('a-big'), spec: { ...volumeOf('x').spec, capacity: { storage: '9Gi' } } } as Volume;
    const wish = { ...claimOf('c').spec, resources: { requests: { storage: '5Gi' } } };
    const s = new Store([{ ...claimOf('c'), spec: wish } as Claim, claimOf('d')], [big, volumeOf('z-small')]);
    const { taken } = s.reserve(user('p', 'c', 'd'), 'a');
    const pairs = taken.map(({ claim, volume }) => `${claim.metadata.name}: ${volume.metadata.name}`);
    expect(pairs).toEqual(['d: z-small', 'c: a-big']);
  });

  test.each<[string, (s: Store) => void, string]>([
    ['it is deleted', (s) => s.caches.remove(VOLUME, s.get(VOLUME, 'v')), 'persistentvolume "v" is not there'],
    ['it is taken back', (s) => s.change(VOLUME, volumeOf('v')), 'persistentvolume "v" is not there'],
    [
      'the claim is deleted',
      (s) => s.caches.remove(CLAIM, s.get(CLAIM, 'c')),
      'persistentvolumeclaim "ns/c" not found',
    ],
    [
      'another volume was bound, far away',
      (s) => {
        s.change(VOLUME, volumeOf('w', 'b'));
        s.complete('c', 'w');
      },
      'persistentvolume "w" is not reachable from node "a"',
    ],
  ])('after it was written %s', async (_, meanwhile, expected) => {
    const s = new Store([claimOf('c')], [volumeOf('v')]);
    expect(await s.bind(s.reserve(user('p', 'c'), 'a'), () => meanwhile(s))).toContain(expected);
  });
});

describe('volumes to be made', () => {
  test('a node that was turned down before anybody looked is heard of', async () => {
    const s = new Store([claimOf('c', 'made')], []);
    const outcome = await s.bind(s.reserve(user('p', 'c'), 'a'), () => {
      expect(s.get(CLAIM, 'c').metadata.annotations).toEqual({ [SELECTED]: 'a' });
      s.put(CLAIM, claimOf('c', 'made'));
      s.show(CLAIM, 'c');
    });
    expect(outcome).toBe('no volume for claim "ns/c" on node "a"');
  });

  test('a claim that is not known to be noted yet is waited for', async () => {
    const s = new Store([claimOf('c', 'made')], []);
    expect(await s.bind(s.reserve(user('p', 'c'), 'a'))).toContain('timed out');
  });

  test('pods that share a claim go where its volume will be', async () => {
    const s = new Store([claimOf('c', 'made')], []);
    const state = makeState([makeNode('a'), makeNode('b')], {}, undefined, s.volumes);
    const open = () => {
      const prepared = volumeBinding.prepare(user('q', 'c'), state);
      return state.nodes().flatMap((n) => (prepared?.filter?.(n) ? [] : [n.name]));
    };
    const first = s.reserve(user('p', 'c'), 'a');
    expect(open()).toEqual(['a']);
    s.volumes.release(first);
    expect([open(), s.woken]).toEqual([['a', 'b'], ['claim c']]);
    // A volume for a node that went is not waited for.
    state.removeNode('b');
    await s.bind(s.reserve(user('p', 'c'), 'b'));
    s.show(CLAIM, 'c');
    expect(open()).toEqual(['a']);
  });
});

const NODES = ['a', 'b'];
const step = fc.tuple(fc.constantFrom('try', 'try', 'show', 'bind', 'fail', 'end'), fc.nat(5), fc.nat(1));
property.prop([fc.array(step, { maxLength: 60 })], { numRuns: 60 })(
  'no volume is written for two claims, and none is lost, whatever happens in which order',
  async (steps) => {
    const names = ['0', '1', '2', '3', '4', '5'];
    const on = (i: number) => NODES[i % NODES.length];
    const s = new Store(
      names.map((n) => claimOf(`c${n}`)),
      names.slice(0, 4).map((n, i) => volumeOf(`v${n}`, on(i))),
    );
    const going = new Map<string, { promised: Promised; over: Promise<void>; stop: AbortController }>();
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    const attempt = (i: number, node: number): void => {
      const key = `c${i}`;
      if (going.has(key) || (s.get(CLAIM, key) as Claim).spec?.volumeName) return;
      let promised: Promised;
      try {
        promised = s.reserve(user(`p${i}`, key), NODES[node] ?? '');
      } catch {
        return;
      }
      const stop = new AbortController();
      const over = s.volumes
        .bind(promised, 1000, stop.signal)
        .catch(() => {})
        .then(() => {
          s.volumes.release(promised);
          going.delete(key);
        });
      going.set(key, { promised, over, stop });
    };
    /** As the binder does: what is written on a volume is completed on the claim. */
    const complete = (i: number): void => {
      const { claimRef } = (s.get(VOLUME, `v${i % 4}`) as Volume).spec ?? {};
      if (claimRef && !(s.get(CLAIM, claimRef.name ?? '') as Claim).spec?.volumeName) {
        s.complete(claimRef.name ?? '', `v${i % 4}`);
      }
    };
    const holders = new Map<string, string>();
    const check = (): void => {
      for (const n of names.slice(0, 4)) {
        const now = claimant(s, `v${n}`);
        expect(now).toBe(holders.get(`v${n}`) ?? now);
        if (now) holders.set(`v${n}`, now);
      }
      expect(new Set(holders.values()).size).toBe(holders.size);
      const promised = [...going.values()].flatMap((g) => g.promised.taken.map((t) => t.volume.metadata.name));
      expect(new Set(promised).size).toBe(promised.length);
    };
    const showAll = (): void => {
      for (const n of names.slice(0, 4)) s.show(VOLUME, `v${n}`);
      for (const n of names) s.show(CLAIM, `c${n}`);
    };
    for (const [what, i, node] of steps) {
      s.before = what === 'fail' ? () => Promise.reject(new Error('lost')) : () => {};
      if (what === 'try' || what === 'fail') attempt(i, node);
      else if (what === 'show') s.show(VOLUME, `v${i % 4}`);
      else if (what === 'bind') complete(i);
      else going.get(`c${i}`)?.stop.abort(new Error('stopped'));
      await settle();
      check();
    }
    s.before = () => {};
    for (let round = 0; round < 12; round++) {
      showAll();
      attempt(round % 6, 0);
      attempt(round % 6, 1);
      await settle();
      for (let i = 0; i < 4; i++) complete(i);
      showAll();
      await s.clock.advance(1000);
      check();
    }
    await Promise.all([...going.values()].map((g) => g.over));
    expect(holders.size).toBe(4);
  },
);

test('what is attached, and what space is left, is known as the API shows it', () => {
  const node = makeNode('n', { zone: 'a' });
  const made = { metadata: { name: 'made' }, provisioner: 'csi.x', volumeBindingMode: 'WaitForFirstConsumer' };
  const attachment = { metadata: { name: 'at', resourceVersion: '1' }, spec: { attacher: 'csi.x', nodeName: 'n' } };
  const caches = new FakeCaches({
    StorageClass: [made],
    [CLAIM]: [claimOf('c', 'made')],
    CSIDriver: [{ metadata: { name: 'csi.x' }, spec: { storageCapacity: true } }],
    VolumeAttachment: [attachment],
  });
  const woken: string[] = [];
  const volumes = new Volumes({} as Client, new FakeClock(), caches.factory, ({ type }) => woken.push(type));
  expect(volumes.needs).toHaveLength(7);
  expect(volumes.attachmentsOf('n').map((a) => a.metadata.name)).toEqual(['at']);
  expect(volumes.attachmentsOf('m')).toEqual([]);
  woken.length = 0;
  caches.remove('VolumeAttachment', attachment as unknown as Stored<KubeObject>);
  expect([woken, volumes.attachmentsOf('n')]).toEqual([['volume-detached'], []]);
  expect(() => volumes.reserve(user('p', 'c'), node)).toThrow('node "n" has no space left for volumes');
  const left = { metadata: { namespace: 'ns', name: 'left' }, storageClassName: 'made', nodeTopology: {} };
  caches.set('CSIStorageCapacity', { ...left, capacity: '1Gi' } as unknown as Stored<KubeObject>);
  expect(volumes.reserve(user('p', 'c'), node)?.made.map((c) => c.metadata.name)).toEqual(['c']);
});
