import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { CliContext } from '../context.ts';
import type { Chosen } from '../targets.ts';
import { watchObjects } from './watch.ts';

const resource = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  singular: 'configmap',
  kind: 'ConfigMap',
  namespaced: true,
};
const chosen = { resource: { ...resource, shortNames: [], categories: [], verbs: [] }, namespace: 'default' } as Chosen;

const meta = (name: string, resourceVersion: string) => ({ metadata: { name, resourceVersion } });
const asObject = (name: string, version: string) => ({ kind: 'ConfigMap', ...meta(name, version) });
const asRow = (name: string, version: string) => ({
  kind: 'Table',
  rows: [{ cells: [name], object: meta(name, version) }],
});

/** Watches a server that is at version 10 and ends each watch after one event. @returns what was asked from, and shown */
async function watched(output: string | undefined, name?: string): Promise<{ from: unknown[]; shown: string }> {
  const over = new AbortController();
  const from: unknown[] = [];
  let shown = '';
  const event = output === undefined ? asRow : asObject;
  const rest = {
    text: async () => JSON.stringify(list),
    json: async () => list,
    open: async ({ query }: { query: { resourceVersion: string } }) => {
      from.push(query.resourceVersion);
      if (from.length === 3) over.abort();
      const object = event(`e${from.length}`, String((name ? 9 : 10) + from.length));
      return Readable.from([Buffer.from(`${JSON.stringify({ type: 'MODIFIED', object })}\n`)]);
    },
  };
  const columnDefinitions = [{ name: 'Name', type: 'string', priority: 0 }];
  const list = { kind: 'Table', columnDefinitions, rows: [], items: [], metadata: { resourceVersion: '10' } };
  const out = (text: string): void => {
    shown += text;
  };
  const ctx = { rest, namespace: 'default', signal: over.signal, out, err: () => {} } as unknown as CliContext;
  await watchObjects(ctx, [name ? { ...chosen, name } : chosen], output === undefined ? {} : { output });
  return { from, shown };
}

test.each([undefined, 'name'])('a watch that the server ends goes on where it was (-o %s)', async (output) => {
  const { from, shown } = await watched(output);
  expect(from).toEqual(['10', '11', '12']);
  expect(shown).toMatch(/e1 *\n(configmap\/)?e2 *\n/);
});

test('one object is watched from now on: its own version may be too old', async () => {
  const { from, shown } = await watched(undefined, 'e');
  expect(from).toEqual(['0', '10', '11']);
  // The first event says what has been shown.
  expect(shown).not.toMatch(/e1/);
  expect(shown).toMatch(/e2 *\ne3 *\n/);
});
