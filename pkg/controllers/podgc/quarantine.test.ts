import { expect, test } from 'vitest';
import type { Node, Pod } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { pod } from '../fixtures.ts';
import type { ControllerDeps } from '../harness/controller.ts';
import { podGcController } from './controller.ts';

test('pods of a node that is gone are given time, each time it goes', async () => {
  const clock = new FakeClock();
  const bound: Stored<Pod>[] = [pod({ name: 'first', node: 'n' })];
  const deleted: string[] = [];
  const lister = {
    get: (): Node | undefined => undefined,
    byIndex: (_index: string, value: string) => (value === 'n' ? bound : []),
  };
  const deps = {
    clock,
    informers: { informer: () => ({ lister, addIndex: () => {} }) },
    client: {
      get: async () => Promise.reject(errors.notFound({ group: '', plural: 'nodes' } as never, 'n')),
      patch: async () => ({}),
      delete: async (_kind: unknown, name: string) => void deleted.push(name),
    },
  };
  const gc = podGcController(deps as unknown as ControllerDeps);
  const look = () => gc.reconcile('node/n', new AbortController().signal);
  expect([await look(), deleted]).toEqual([{ afterMs: 40_000 }, []]);
  await clock.advance(40_000);
  expect([await look(), deleted]).toEqual([undefined, ['first']]);
  // It has been back since, and is gone again.
  await clock.advance(3600_000);
  bound.splice(0, 1, pod({ name: 'second', node: 'n' }));
  expect([await look(), deleted]).toEqual([{ afterMs: 40_000 }, ['first']]);
});
