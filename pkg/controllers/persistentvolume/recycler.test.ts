import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type PersistentVolume, Pods } from '#api/kinds/index.ts';
import type { Client } from '#client/types.ts';
import { fakeDeps } from '../fake-deps.ts';
import type { Volume } from './match.ts';
import { isRecyclable, Recycler, recycledBy, recycler } from './recycler.ts';

const volume = (spec: object): Volume =>
  ({ metadata: { name: 'v', uid: 'u' }, spec: { ...spec, claimRef: { uid: 'c' } } }) as unknown as Volume;

test('the pod mounts the volume, goes where it is, and ends with it', () => {
  const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions: [] }] } };
  const pod = recycler(volume({ hostPath: { path: '/data' }, nodeAffinity }), 'tools:1');
  expect(pod.spec).toMatchObject({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: nodeAffinity.required } },
    containers: [{ image: 'tools:1', volumeMounts: [{ mountPath: '/scrub' }] }],
    volumes: [{ hostPath: { path: '/data' } }],
  });
  expect(pod.metadata?.ownerReferences).toMatchObject([{ kind: 'PersistentVolume', uid: 'u' }]);
  expect(recycledBy(pod)).toBe('v');
  expect(recycledBy({ metadata: { name: 'recycler-for-v', namespace: 'other' } })).toBeUndefined();
});

test.each([
  [{ hostPath: { path: '/x' } }, true],
  [{ nfs: { server: 's', path: '/x' } }, true],
  [{ csi: { driver: 'd', volumeHandle: 'h' } }, false],
])('%j can be recycled: %s', (spec, expected) => {
  expect(isRecyclable({ spec } as unknown as PersistentVolume)).toBe(expected);
});

test.each([
  ['c', 'Succeeded', 'done', 0],
  ['c', 'Failed', { failed: 'no room' }, 0],
  ['c', 'Running', 'going', 0],
  // Its work is over: the data of the next claim needs a pod of its own.
  ['another', 'Succeeded', 'going', 1],
  ['another', 'Failed', 'going', 1],
])('a pod that removes what claim %s left, %s: %j', async (by, phase, expected, removed) => {
  const made = recycler(volume({ hostPath: { path: '/x' } }), 'x');
  const annotations = { 'coxswain.io/left-by-claim': by };
  const metadata = { ...made.metadata, uid: 'p', annotations };
  const deleted: unknown[] = [];
  const client = { delete: async (...call: unknown[]) => deleted.push(call[3]) };
  const { informers } = fakeDeps({ Pod: [{ metadata, status: { phase, message: 'no room' } }] }, client);
  const { lister } = informers.informer(Pods);
  const looking = new Recycler(client as unknown as Client, lister, 'x').look(volume({ hostPath: { path: '/x' } }));
  expect(await looking).toEqual(expected);
  expect(deleted).toEqual(Array.from({ length: removed }, () => ({ preconditions: { uid: 'p' } })));
});

test('what happens to the pod is told of the volume, each once for each pod', async () => {
  const event = (uid: string, of: string, type: string, message: string) => ({
    metadata: { uid },
    ...{ involvedObject: { uid: of }, type, message },
  });
  const items = [
    event('1', 'p', 'Normal', 'Started container recycler'),
    event('2', 'q', 'Normal', 'of another'),
    event('3', 'p', 'Warning', 'Unable to mount'),
  ];
  const asked: unknown[] = [];
  const list = async (...call: unknown[]) => {
    asked.push(call[1]);
    return { items };
  };
  const client = { list, delete: async () => ({}) } as unknown as Client;
  const wanted = volume({ hostPath: { path: '/x' } });
  const made = recycler(wanted, 'x');
  const { lister } = fakeDeps({ Pod: [{ ...made, metadata: { ...made.metadata, uid: 'p' } }] }, {}).informers.informer(
    Pods,
  );
  const r = new Recycler(client, lister, 'x');
  expect(await r.news(wanted)).toEqual([
    ['Normal', 'RecyclerPod', 'Recycler pod: Started container recycler'],
    ['Warning', 'RecyclerPod', 'Recycler pod: Unable to mount'],
  ]);
  items.push(event('4', 'p', 'Normal', 'later'));
  expect((await r.news(wanted)).map(([, , message]) => message)).toEqual(['Recycler pod: later']);
  expect(asked[0]).toMatchObject({ namespace: 'default', fieldSelector: 'involvedObject.uid=p' });
  expect(await r.news({ ...wanted, metadata: { ...wanted.metadata, name: 'without' } })).toEqual([]);
});

test('its command removes everything, hidden or not, and nothing else', () => {
  const folder = mkdtempSync(join(tmpdir(), 'recycler-'));
  try {
    const inside = join(folder, 'volume');
    mkdirSync(join(inside, 'sub'), { recursive: true });
    for (const name of ['a', '.b', '..c', '-r', 'sub/d']) writeFileSync(join(inside, name), '');
    writeFileSync(join(folder, 'beside'), '');
    const [shell = '', flag = '', script = ''] = recycler(volume({}), 'x').spec?.containers?.[0]?.command ?? [];
    execFileSync(shell, [flag, script.replace('cd /scrub', `cd '${inside}'`)]);
    expect([readdirSync(inside), readdirSync(folder).sort()]).toEqual([[], ['beside', 'volume']]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
