import { beforeEach, describe, expect, test } from 'vitest';
import type { ReplicationController } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { builtinDiscovery } from '../api/builtin-discovery.ts';
import type { CliContext } from '../context.ts';
import { asSuccessor, nextStep, withImage } from './rolling-plan.ts';
import { rollingUpdate } from './rolling-update.ts';

const rc = (name: string, replicas: number, ready = replicas, more: object = {}): ReplicationController =>
  ({
    metadata: { name },
    spec: {
      replicas,
      selector: { app: 'web' },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'web:1' }] } },
    },
    status: { replicas, readyReplicas: ready },
    ...more,
  }) as unknown as ReplicationController;

describe('steps', () => {
  test.each<[string, [number, number], [number, number], number, ReturnType<typeof nextStep>]>([
    ['one more', [3, 3], [0, 0], 3, { scale: 'new', to: 1 }],
    ['not before it is ready', [3, 3], [1, 0], 3, 'wait'],
    ['one less', [3, 3], [1, 1], 3, { scale: 'old', to: 2 }],
    ['the status of the old one is late', [2, 3], [1, 1], 3, { scale: 'new', to: 2 }],
    ['old pods that serve nobody go', [3, 2], [1, 1], 3, { scale: 'old', to: 2 }],
    ['fewer are wanted', [5, 5], [0, 0], 3, { scale: 'old', to: 3 }],
    ['more are wanted', [1, 1], [0, 0], 3, { scale: 'new', to: 3 }],
    ['the last one', [1, 1], [3, 3], 3, { scale: 'old', to: 0 }],
    ['all are there, one is not ready', [0, 0], [3, 2], 3, 'wait'],
    ['none are wanted', [2, 2], [0, 0], 0, { scale: 'old', to: 0 }],
    ['at the end', [0, 0], [3, 3], 3, 'done'],
  ])('%s', (_, old, next, desired, expected) => {
    expect(nextStep(rc('old', ...old), rc('new', ...next), desired)).toEqual(expected);
  });

  test.each([1, 2, 5, 8])('from %i pods to others, enough are ready and not too many are there at any time', (n) => {
    let [left, made] = [n, 0];
    const fewest: number[] = [];
    for (let i = 0; i < 100; i++) {
      const step = nextStep(rc('old', left), rc('new', made), n);
      if (step === 'done') break;
      if (typeof step !== 'object') throw new Error('nothing is awaited');
      if (step.scale === 'old') left = step.to;
      else made = step.to;
      fewest.push(left + made);
    }
    expect([left, made, Math.min(...fewest) >= n, Math.max(...fewest) <= n + 1]).toEqual([0, n, true, true]);
  });
});

describe('the successor', () => {
  const old = rc('web-1', 3);

  test('is a copy with another image, whose pods are told from those of the original', () => {
    const next = asSuccessor(withImage(old, { name: 'web-2', image: 'web:2' }), old, 'web-2');
    const labels = { app: 'web', deployment: expect.any(String) };
    expect(next).toMatchObject({
      metadata: { name: 'web-2', annotations: { 'kubectl.kubernetes.io/desired-replicas': '3' } },
      spec: {
        replicas: 0,
        selector: labels,
        template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'web:2' }] } },
      },
    });
  });

  test.each<[string, () => unknown, string]>([
    ['of the same name', () => asSuccessor(rc('web-1', 1), old, 'f.yaml'), 'f.yaml cannot have the same name'],
    [
      'with the same selector',
      () => asSuccessor(rc('web-2', 1), old, 'f.yaml'),
      'must specify a selector that differs',
    ],
    [
      'without such a container',
      () => withImage(old, { name: 'x', image: 'y', container: 'z' }),
      'container "z" not found in web-1',
    ],
  ])('%s is refused', (_, act, message) => {
    expect(act).toThrow(message);
  });
});

describe('the command', () => {
  let there: Map<string, ReplicationController>;
  let printed: string;
  let ctrlC: AbortController;
  let cut: number;
  beforeEach(() => {
    there = new Map([['web-1', rc('web-1', 2)]]);
    printed = '';
    ctrlC = new AbortController();
    cut = Number.POSITIVE_INFINITY;
  });

  /** A server whose pods are ready at once. */
  const json = async ({
    method = 'GET',
    path,
    body,
  }: {
    method?: string;
    path: string;
    body?: ReplicationController;
  }) => {
    const name = (method === 'POST' ? body?.metadata?.name : path.split('/').at(-1)) ?? '';
    const old = there.get(name);
    if (method === 'POST') there.set(name, structuredClone(body as ReplicationController));
    else if (!old) throw errors.notFound({ group: '', plural: 'replicationcontrollers' } as never, name);
    if (method === 'DELETE') there.delete(name);
    if (method === 'PATCH') {
      if (--cut === 0) ctrlC.abort();
      const replicas = body?.spec?.replicas ?? old?.spec?.replicas;
      const annotations = { ...old?.metadata?.annotations, ...body?.metadata?.annotations };
      const status = { replicas, readyReplicas: replicas };
      there.set(name, {
        ...old,
        metadata: { ...old?.metadata, annotations },
        spec: { ...old?.spec, replicas },
        status,
      } as never);
    }
    return there.get(name);
  };
  const found = async (path: string) => there.get(path.split('/').at(-1) ?? '');
  const print = (text: string): void => {
    printed += text;
  };
  const run = (args: string[], flags: object = {}) => {
    const refuse = (): never => {
      throw new Error('nobody asks');
    };
    const ctx = {
      ...{
        rest: { json, found },
        namespace: 'default',
        signal: ctrlC.signal,
        discovery: async () => builtinDiscovery(refuse),
      },
      ...{ out: print, err: print },
    } as unknown as CliContext;
    const times = { updatePeriod: '0s', pollInterval: '1s', timeout: '5m' };
    return rollingUpdate(ctx, args, { ...times, ...flags });
  };
  const pods = () => Object.fromEntries([...there].map(([name, c]) => [name, c.spec?.replicas]));

  test('goes pod by pod, and removes the old one', async () => {
    expect(await run(['web-1', 'web-2'], { image: 'web:2' })).toBe(0);
    expect(pods()).toEqual({ 'web-2': 2 });
    expect(printed.split('\n')).toEqual([
      'Created web-2',
      "Scaling up web-2 from 0 to 2, scaling down web-1 from 2 to 0 (keep 2 pods available, don't exceed 3 pods)",
      ...['Scaling web-2 up to 1', 'Scaling web-1 down to 1', 'Scaling web-2 up to 2', 'Scaling web-1 down to 0'],
      ...['Update succeeded. Deleting web-1', 'replicationcontroller/web-1 rolling updated to "web-2"', ''],
    ]);
  });

  test('interrupted, it says so; called again, it goes on', async () => {
    // The first change is the note on the old controller.
    cut = 3;
    expect(await run(['web-1', 'web-2'], { image: 'web:2' })).toBe(130);
    expect(pods()).toEqual({ 'web-1': 1, 'web-2': 1 });
    expect(printed).toContain('interrupted; updated in part, the same command goes on: web-1 to web-2');
    ctrlC = new AbortController();
    expect(await run(['web-1', 'web-2'], { image: 'web:2' })).toBe(0);
    expect(printed).toContain('Found existing update in progress (web-2), resuming.');
    expect(pods()).toEqual({ 'web-2': 2 });
  });

  test('rolled back, the old one has all its pods again, and no trace', async () => {
    cut = 3;
    await run(['web-1', 'web-2'], { image: 'web:2' });
    ctrlC = new AbortController();
    expect(await run(['web-1'], { rollback: true })).toBe(0);
    expect(pods()).toEqual({ 'web-1': 2 });
    expect(Object.values(there.get('web-1')?.metadata?.annotations ?? {})).toEqual([null, null]);
  });

  test.each<[string[], object, string]>([
    [[], {}, 'must specify the ReplicationController'],
    [['web-1'], {}, 'must specify one of --image and -f'],
    [['web-1'], { image: 'x' }, 'must specify the name of the new'],
    [['web-1'], { rollback: true }, 'web-1 has no successor'],
    [['none', 'x'], { image: 'x' }, 'not found'],
  ])('%j %j: %s', async (args, flags, message) => {
    await expect(run(args, flags)).rejects.toThrow(message);
    expect(pods()).toEqual({ 'web-1': 2 });
  });

  test('another controller of the new name is left alone', async () => {
    there.set('web-2', rc('web-2', 1));
    await expect(run(['web-1', 'web-2'], { image: 'web:2' })).rejects.toThrow('already exists');
    expect(pods()).toEqual({ 'web-1': 2, 'web-2': 1 });
  });
});
