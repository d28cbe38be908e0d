import { expect, test } from 'vitest';
import type { Node, Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import type { Client } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import { MirrorPods } from './mirror-pods.ts';

const pod = (name: string, namespace: string) =>
  ({ metadata: { name, namespace, uid: name }, spec: {} }) as unknown as Stored<Pod>;

test('a static pod that cannot be shown does not hide the others, and is tried again', async () => {
  const clock = new FakeClock();
  const shown = new Map<string, Pod>();
  const namespaces = new Set(['there']);
  const client = {
    create: async (_kind: unknown, p: Stored<Pod>) => {
      if (!namespaces.has(p.metadata.namespace ?? '')) throw new Error('there is no such namespace');
      shown.set(p.metadata.name, p);
    },
  } as unknown as Client;
  const off = new AbortController();
  const mirrors = new MirrorPods({
    ...{ client, clock, logger: silentLogger, signal: off.signal },
    pods: { get: (name: string) => shown.get(name) as Stored<Pod>, list: () => [], byIndex: () => [] },
    node: () => ({ metadata: { name: 'n', uid: 'n' } }) as Stored<Node>,
  });
  mirrors.set([pod('a', 'missing'), pod('b', 'there')]);
  await clock.advance(100);
  expect([...shown.keys()]).toEqual(['b']);
  namespaces.add('missing');
  await clock.advance(10_000);
  expect([...shown.keys()]).toEqual(['b', 'a']);
  off.abort();
});
