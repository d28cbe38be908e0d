import { expect, test } from 'vitest';
import { Nodes } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { FakeCaches } from '#client/fake-caches.ts';
import { fakeDeps } from '../fake-deps.ts';
import { NOW, pod } from '../fixtures.ts';
import { podGcController } from './controller.ts';

test('pods of a node that is gone are given time, each time it goes', async () => {
  const clock = new FakeClock(NOW);
  const first = pod({ name: 'first', node: 'n' });
  const caches = new FakeCaches({ Pod: [first] });
  const deleted: string[] = [];
  const client = {
    get: async () => Promise.reject(errors.notFound(Nodes, 'n')),
    patch: async () => ({}),
    delete: async (_kind: unknown, name: string) => void deleted.push(name),
  };
  const gc = podGcController(fakeDeps(caches, client, clock));
  const look = () => gc.reconcile('node/n', new AbortController().signal);
  expect([await look(), deleted]).toEqual([{ afterMs: 40_000 }, []]);
  await clock.advance(40_000);
  expect([await look(), deleted]).toEqual([undefined, ['first']]);
  // It has been back since, and is gone again.
  await clock.advance(3600_000);
  caches.remove('Pod', first);
  caches.set('Pod', pod({ name: 'second', node: 'n' }));
  expect([await look(), deleted]).toEqual([{ afterMs: 40_000 }, ['first']]);
});
