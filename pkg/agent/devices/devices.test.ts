import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Container, Pod } from '#api/kinds/index.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { choiceOf, inOrder, settled, wantedBy } from './choice.ts';
import { refusal } from './registrar.ts';

const dir = mkdtempSync(join(tmpdir(), 'devices-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('which devices a container gets', () => {
  const stock = (more: object = {}) => ({
    resource: 'v.example/r',
    devices: new Map([
      ['a', true],
      ['b', true],
      ['c', false],
      ['d', true],
    ]),
    taken: new Set(['b']),
    reusable: [],
    ...more,
  });

  test('healthy ones nobody has', () => {
    expect(settled(choiceOf(stock(), 2), [])).toEqual(['a', 'd']);
  });

  test('those the plugin prefers, if it may', () => {
    expect(settled(choiceOf(stock(), 1), ['b', 'c', 'd'])).toEqual(['d']);
  });

  test('first what an init container of the pod had', () => {
    expect(settled(choiceOf(stock({ reusable: ['b'] }), 2), ['d', 'a'])).toEqual(['b', 'd']);
  });

  test.each([
    [{}, 3, 'requested number of devices unavailable for v.example/r. Requested: 3, Available: 2'],
    [
      { devices: new Map([['a', false]]) },
      1,
      'no healthy devices present; cannot allocate unhealthy devices v.example/r',
    ],
    [{ devices: new Map() }, 1, 'no healthy devices present; cannot allocate unhealthy devices v.example/r'],
  ])('not enough: %j', (more, count, message) => {
    expect(() => choiceOf(stock(more), count)).toThrow(message);
  });

  test('only resources that plugins offer count', () => {
    const c = {
      name: 'c',
      resources: { limits: { cpu: '1', 'v.example/r': '2', 'v.example/none': '0', 'w.example/x': '1' } },
    };
    const wanted = wantedBy(c as unknown as Container, (r) => r.startsWith('v.'));
    expect([...wanted]).toEqual([['v.example/r', 2]]);
  });

  test('what ordinary init containers had is passed on, not what sidecars have', () => {
    const initContainers = [{ name: 'i' }, { name: 's', restartPolicy: 'Always' }];
    const pod = { spec: { initContainers, containers: [{ name: 'c' }] } } as unknown as Pod;
    expect(inOrder(pod).map((o) => [o.container.name, o.passesOn])).toEqual([
      ['i', true],
      ['s', false],
      ['c', false],
    ]);
  });
});

describe('who may register', () => {
  const good = { version: 'v1beta1', endpoint: 'x.sock', resourceName: 'v.example/r' };
  test.each([
    [{}, undefined],
    [
      { version: 'v1alpha' },
      'requested API version "v1alpha" is not supported by kubelet. Supported version is "v1beta1"',
    ],
    [{ resourceName: 'cpu' }, 'the ResourceName "cpu" is invalid'],
    [{ resourceName: 'kubernetes.io/x' }, 'the ResourceName "kubernetes.io/x" is invalid'],
    [{ resourceName: 'v.example/a b' }, 'the ResourceName "v.example/a b" is invalid'],
    [{ endpoint: '../x.sock' }, 'the endpoint "../x.sock" is no name of a socket'],
  ])('%j', (more, why) => {
    expect(refusal({ ...good, ...more })).toBe(why);
  });
});

describe('what is remembered', () => {
  test('survives', async () => {
    const file = join(dir, 'devices.json');
    expect(await readCheckpoint(file)).toEqual({ resources: [], allocations: new Map() });
    const allocation = { ids: ['a'], granted: { envs: { A: 'b' } } };
    const allocations = new Map([['uid', new Map([['c', new Map([['v.example/r', allocation]])]])]]);
    await writeCheckpoint(file, { resources: ['v.example/r'], allocations });
    expect(await readCheckpoint(file)).toEqual({ resources: ['v.example/r'], allocations });
    expect(readFileSync(file, 'utf8')).not.toContain('Map');
  });

  test('a broken file is told of', async () => {
    const file = join(dir, 'broken.json');
    writeFileSync(file, '{"version":1,');
    await expect(readCheckpoint(file)).rejects.toThrow();
  });
});
