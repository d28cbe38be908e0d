import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { CliContext } from '../context.ts';
import { isFinished, untilPod } from './pod-state.ts';

const pod = (phase: string, resourceVersion: string) =>
  ({ metadata: { name: 'a', resourceVersion }, status: { phase } }) as Pod;
const EXPIRED = { kind: 'Status', status: 'Failure', code: 410, reason: 'Expired', message: 'too old' };

/**
 * A server that remembers what happened after a version; the pod was changed last at 7.
 * @param ends how many watches it ends because it has to read everything again
 */
function served(ends = 0): CliContext {
  let watches = 0;
  const rest = {
    json: async () => pod('Running', '7'),
    found: async () => ({ items: [pod('Running', '7')], metadata: { resourceVersion: '100' } }),
    open: async ({ query }: { query: { resourceVersion: string } }) => {
      const old = Number(query.resourceVersion) < 50 || watches++ < ends;
      const event = old ? { type: 'ERROR', object: EXPIRED } : { type: 'MODIFIED', object: pod('Succeeded', '101') };
      return Readable.from([Buffer.from(`${JSON.stringify(event)}\n`)]);
    },
  };
  return { rest, namespace: 'default', signal: new AbortController().signal } as unknown as CliContext;
}

test('a pod that has not changed for longer than the server remembers is watched all the same', async () => {
  expect((await untilPod(served(), 'a', isFinished, 10_000)).status?.phase).toBe('Succeeded');
});

test('a watch goes on when the server has to read everything again', async () => {
  expect((await untilPod(served(1), 'a', isFinished, 10_000)).status?.phase).toBe('Succeeded');
});
