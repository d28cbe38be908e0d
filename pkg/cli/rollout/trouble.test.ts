import { expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { CliContext } from '../context.ts';
import { failOnTrouble } from './trouble.ts';
import { REVISION, type Workload } from './workload.ts';

const OLD = '1';
const NEW = '2';
const web = {
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', generation: 1, annotations: { [REVISION]: NEW } },
  spec: { selector: { matchLabels: { app: 'web' } } },
  status: { observedGeneration: 1 },
} as unknown as Workload;
const sets = [OLD, NEW].map((revision) => ({ metadata: { uid: revision, annotations: { [REVISION]: revision } } }));

/** A pod of a revision whose container waits for a reason. */
const waiting = (revision: string, reason: string, restartCount = 0) => ({
  metadata: { name: `pod-of-${revision}`, namespace: 'default', ownerReferences: [{ uid: revision }] },
  spec: { containers: [{ name: 'c', image: 'none:1' }] },
  status: {
    phase: 'Pending',
    containerStatuses: [
      { name: 'c', image: 'none:1', restartCount, state: { waiting: { reason, message: 'what happened' } } },
    ],
  },
});

/** What is told of a roll-out with such pods; undefined when it is followed on. */
async function toldOf(pods: readonly object[]): Promise<string | undefined> {
  const over = new AbortController();
  const rest = {
    json: async ({ path }: { path: string }) => {
      // One look is enough.
      over.abort();
      return { items: path.endsWith('/pods') ? pods : sets };
    },
  };
  const ctx = { rest, namespace: 'default', config: {} } as unknown as CliContext;
  return failOnTrouble(ctx, async () => web, over.signal).then(
    () => undefined,
    (e: Error) => e.message,
  );
}

test.each<[string, readonly object[], RegExp]>([
  [
    'an image that cannot be had',
    [waiting(NEW, 'ImagePullBackOff')],
    /^the roll-out fails: pod pod-of-2: container "c": its image cannot be pulled\n.*what happened/,
  ],
  [
    'a container that ends again and again',
    [waiting(NEW, 'CrashLoopBackOff', 2)],
    /^the roll-out fails: pod pod-of-2: .*again and again[\s\S]*\nNext: cox logs pod-of-2 .*--previous/,
  ],
])('%s is told at once, with what to type next', async (_what, pods, wanted) => {
  expect(await toldOf(pods)).toMatch(wanted);
});

test.each<[string, readonly object[]]>([
  ['pods of the state before', [waiting(OLD, 'ImagePullBackOff')]],
  ['a first crash', [waiting(NEW, 'CrashLoopBackOff', 1)]],
  ['a pull that is tried again', [waiting(NEW, 'ErrImagePull')]],
  ['a pod that is going', [{ ...waiting(NEW, 'ImagePullBackOff'), metadata: { deletionTimestamp: 'now' } }]],
  ['no pods', [] as Pod[]],
])('%s says nothing', async (_what, pods) => {
  expect(await toldOf(pods)).toBeUndefined();
});
