import { describe, expect, test } from 'vitest';
import { errors } from '#api/meta/errors.ts';
import { FakeClock } from '#async/fake-clock.ts';
import type { Client } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import { makePod } from './fixtures.ts';
import { type Report, report, reportPatch } from './pod-report.ts';

const ref = { group: '', plural: 'pods', kind: 'Pod' };

const NOW = Date.UTC(2026, 0, 1);
const told = (message: string, more: object = {}) =>
  makePod('p', {
    status: {
      conditions: [
        { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime: 'then' },
      ],
      ...more,
    },
  });
const condition = (message: string, lastTransitionTime: string) => ({
  type: 'PodScheduled',
  status: 'False',
  reason: 'Unschedulable',
  message,
  lastTransitionTime,
});

test.each<[string, ReturnType<typeof makePod>, Report, object | undefined]>([
  ['the first time', makePod('p'), { message: 'm' }, { conditions: [condition('m', '2026-01-01T00:00:00Z')] }],
  ['the same again', told('m'), { message: 'm' }, undefined],
  ['another reason keeps the time', told('m'), { message: 'n' }, { conditions: [condition('n', 'then')] }],
  ['a nomination', told('m'), { message: 'm', nominatedNodeName: 'a' }, { nominatedNodeName: 'a' }],
  ['the same nomination', told('m', { nominatedNodeName: 'a' }), { message: 'm', nominatedNodeName: 'a' }, undefined],
  ['none any more', told('m', { nominatedNodeName: 'a' }), { nominatedNodeName: null }, { nominatedNodeName: null }],
  ['none, as before', told('m'), { message: 'm', nominatedNodeName: null }, undefined],
])('%s', (_, pod, what, status) => {
  expect(reportPatch(pod, what, NOW)).toEqual(status && { metadata: { uid: 'p' }, status });
});

describe('a report that comes late', () => {
  /** What is patched when the server holds another version of the pod than the scheduler. */
  async function written(live: ReturnType<typeof makePod>): Promise<unknown[]> {
    const patches: unknown[] = [];
    const client = {
      get: async () => live,
      patch: async (
        _kind: unknown,
        _target: unknown,
        { body }: { body: { metadata: { resourceVersion: string } } },
      ) => {
        patches.push(body);
        if (body.metadata.resourceVersion !== live.metadata.resourceVersion) throw errors.modified(ref, 'p');
        return live;
      },
    } as unknown as Client;
    const deps = { client, clock: new FakeClock(NOW), logger: silentLogger };
    const pod = makePod('p', { metadata: { resourceVersion: '1' } });
    await report(deps, pod, { message: 'm' }, new AbortController().signal);
    return patches.slice(1);
  }
  const at2 = { metadata: { resourceVersion: '2' } };

  test('says nothing of a pod that has got a node', async () => {
    expect(await written(makePod('p', { ...at2, spec: { nodeName: 'a' } }))).toEqual([]);
  });

  test('says nothing of another pod of that name', async () => {
    expect(await written(makePod('p', { metadata: { ...at2.metadata, uid: 'q' } }))).toEqual([]);
  });

  test('is made anew for a pod that somebody has changed', async () => {
    const status = { conditions: [condition('m', '2026-01-01T00:00:00Z')] };
    expect(await written(makePod('p', at2))).toEqual([{ metadata: { uid: 'p', resourceVersion: '2' }, status }]);
  });
});
