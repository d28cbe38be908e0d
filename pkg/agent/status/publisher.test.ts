import { expect, test } from 'vitest';
import { type Pod, PodSchema, type PodStatus } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { strategicMerge } from '#api/patch/strategic-merge.ts';
import { FakeClock } from '#async/fake-clock.ts';
import type { Client } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import { StatusPublisher } from './publisher.ts';

/** An API that merges patches, and notes them. */
function bench() {
  let version = 1;
  let pod = { metadata: { name: 'p', namespace: 'ns', uid: 'u', resourceVersion: '1' } } as unknown as Stored<Pod>;
  const writes: PodStatus[] = [];
  const stale: string[] = [];
  const change = (status: object): Stored<Pod> => {
    const merged = strategicMerge(PodSchema, pod, { status }) as Stored<Pod>;
    pod = { ...merged, metadata: { ...pod.metadata, resourceVersion: String(++version) } };
    return pod;
  };
  /** What the next writes meet. */
  const refusals: Error[] = [];
  const client = {
    get: async () => pod,
    patch: async (_kind: unknown, _target: unknown, patch: { body: { status: PodStatus } }) => {
      const refusal = refusals.shift();
      if (refusal) throw refusal;
      writes.push(patch.body.status);
      return change(patch.body.status);
    },
  } as unknown as Client;
  const clock = new FakeClock();
  const { signal } = new AbortController();
  const publisher = new StatusPublisher({
    client,
    clock,
    logger: silentLogger,
    signal,
    stale: (uid) => stale.push(uid),
  });
  const replace = (uid: string): void => {
    pod = { ...pod, metadata: { ...pod.metadata, uid } };
  };
  return { publisher, writes, stale, change, clock, refusals, replace, shown: () => pod };
}

const ready = (status: 'True' | 'False', more: object = {}) => ({ type: 'Ready', status, ...more });
const running = (...conditions: object[]): PodStatus => ({ phase: 'Running', conditions }) as PodStatus;

test('writes what changed, once', async () => {
  const { publisher, writes, shown } = bench();
  publisher.publish(shown(), running(ready('True')));
  await publisher.written('u');
  publisher.publish(shown(), running(ready('True')));
  await publisher.written('u');
  expect(writes).toHaveLength(1);
});

test('reason and message of a condition go when they no longer hold; conditions of others stay', async () => {
  const { publisher, shown, change } = bench();
  change({ conditions: [{ type: 'mine/too', status: 'True' }] });
  publisher.publish(shown(), running(ready('False', { reason: 'R', message: 'M' })));
  await publisher.written('u');
  publisher.publish(shown(), running(ready('True')));
  await publisher.written('u');
  expect(shown().status?.conditions).toEqual([ready('True'), { type: 'mine/too', status: 'True' }]);
});

test('addresses are replaced, not gathered; what is no longer there goes', async () => {
  const { publisher, shown, change } = bench();
  change({ podIPs: [{ ip: '10.0.0.1' }], reason: 'Odd', nominatedNodeName: 'n' });
  publisher.publish(shown(), { ...running(), podIPs: [{ ip: '10.0.0.2' }] });
  await publisher.written('u');
  expect(shown().status).toEqual({ ...running(), podIPs: [{ ip: '10.0.0.2' }], nominatedNodeName: 'n' });
});

test('what others change of it is written again, what others own is seen', async () => {
  const { publisher, writes, shown, change } = bench();
  const wanted = running(ready('True'));
  publisher.publish(shown(), wanted);
  await publisher.written('u');
  publisher.seen(shown());
  publisher.seen(change({ conditions: [{ type: 'other/gate', status: 'True' }] }));
  publisher.publish(shown(), wanted);
  expect(publisher.newest(shown()).conditions).toHaveLength(2);
  expect(writes).toHaveLength(1);
  publisher.seen(change({ conditions: [ready('False')] }));
  publisher.publish(shown(), wanted);
  await publisher.written('u');
  expect(writes).toHaveLength(2);
  expect(shown().status?.conditions?.find((c) => c.type === 'Ready')?.status).toBe('True');
});

test('an older state of the pod than the last write proves nothing', async () => {
  const { publisher, shown } = bench();
  const before = shown();
  publisher.publish(before, running(ready('True')));
  await publisher.written('u');
  publisher.seen(before);
  expect(publisher.newest(before).phase).toBe('Running');
});

test('a change that is seen while a write is under way is judged after it', async () => {
  const { publisher, stale, shown, change, clock } = bench();
  publisher.publish(shown(), running(ready('True')));
  const foreign = { ...shown(), metadata: { ...shown().metadata, resourceVersion: '99' }, status: running() };
  publisher.seen(foreign as Stored<Pod>);
  await publisher.written('u');
  change({});
  await clock.advance(1);
  expect(stale).toEqual(['u']);
});

const coming = (ready: object = {}): PodStatus =>
  ({
    phase: 'Pending',
    conditions: [],
    containerStatuses: [{ name: 'a', state: { waiting: { reason: 'ContainerCreating' } }, ...ready }],
  }) as unknown as PodStatus;

test.each<[string, PodStatus, number]>([
  ['comes up', coming(), 0],
  ['comes up again', coming({ lastState: { terminated: { exitCode: 1 } } }), 1],
  ['has no image', coming({ state: { waiting: { reason: 'ErrImagePull' } } }), 1],
  ['is turned away', { ...coming(), phase: 'Failed' }, 1],
])('a pod that %s: what can wait is written with what comes next, or after a moment', async (_, status, atOnce) => {
  const { publisher, writes, shown, clock } = bench();
  publisher.publish(shown(), status);
  await clock.advance(500);
  expect(writes).toHaveLength(atOnce);
  expect(publisher.newest(shown()).phase).toBe(status.phase);
  await clock.advance(600);
  expect(writes).toHaveLength(1);
});

test('a pod that is up soon is written once, one that is gone not at all', async () => {
  const { publisher, writes, shown, clock } = bench();
  publisher.publish(shown(), coming());
  publisher.publish(shown(), { ...coming(), podIP: '10.0.0.1' });
  publisher.publish(shown(), running(ready('True')));
  await publisher.written('u');
  await clock.advance(2000);
  expect(writes.map((w) => w.phase)).toEqual(['Running']);
  publisher.publish(shown(), coming());
  publisher.forget('u');
  await clock.advance(2000);
  expect(writes).toHaveLength(1);
});

const conflict = () => errors.modified({ group: '', plural: 'pods', kind: 'Pod' }, 'p');

test('a status that lost the race against other writers is written again', async () => {
  const { publisher, writes, shown, clock, refusals } = bench();
  refusals.push(conflict(), conflict());
  publisher.publish(shown(), running(ready('True')));
  await clock.advance(2000);
  expect(writes).toHaveLength(1);
});

test('but not to the pod that came in its place', async () => {
  const { publisher, writes, shown, clock, refusals, replace } = bench();
  refusals.push(conflict());
  const pod = shown();
  replace('another');
  publisher.publish(pod, running(ready('True')));
  await clock.advance(60_000);
  await publisher.written('u');
  expect(writes).toEqual([]);
});
