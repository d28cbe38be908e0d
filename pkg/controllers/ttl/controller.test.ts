import { expect, test } from 'vitest';
import { type Node, Nodes } from '#api/kinds/index.ts';
import { FakeProcess } from '../fake-process.ts';
import { nodeTtlController, TTL_ANNOTATION, ttlFor } from './controller.ts';

test.each<[nodes: number, before: number, want: number]>([
  [0, 0, 0],
  [100, 0, 0],
  [101, 0, 15],
  [90, 15, 15],
  [89, 15, 0],
  [500, 15, 15],
  [501, 15, 30],
  [450, 30, 30],
  [449, 30, 15],
  [1000, 30, 30],
  [1001, 30, 60],
  [900, 60, 60],
  [899, 60, 30],
  [2000, 60, 60],
  [2001, 60, 300],
  [1800, 300, 300],
  [1799, 300, 60],
  [100_000, 300, 300],
  // Many at once: as if they had come, or gone, one by one.
  [480, 0, 15],
  [480, 300, 30],
  [5000, 0, 300],
  [3, 300, 0],
])('%i nodes that had %i seconds have %i', (nodes, before, want) => {
  expect(ttlFor(nodes, before)).toBe(want);
});

test('each node is told once, and again when the size of the cluster asks for it', async () => {
  const run = new FakeProcess([Nodes], nodeTtlController);
  const { api } = run;
  let writes = 0;
  api.judge = ({ by, old, next }) => {
    if (by.alive) writes++;
    expect(next?.metadata.uid).toBe(old?.metadata.uid);
  };
  const put = (i: number, generation = 0): void => {
    const metadata = { ...api.get(Nodes, `n${i}`)?.metadata, name: `n${i}`, uid: `n${i} ${generation}` };
    api.put(Nodes, { metadata } as Node);
  };
  /** What nodes are told, and by how many writes. */
  const told = async (): Promise<[string[], number]> => {
    writes = 0;
    await run.calm();
    return [[...new Set(api.list(Nodes).map((n) => n.metadata.annotations?.[TTL_ANNOTATION] ?? 'nothing'))], writes];
  };
  for (let i = 0; i < 100; i++) put(i);
  expect(await told()).toEqual([['0'], 100]);
  for (let i = 0; i < 100; i++) api.put(Nodes, { ...api.get(Nodes, `n${i}`), status: { conditions: [] } } as Node);
  expect(await told()).toEqual([['0'], 0]);
  put(100);
  expect(await told()).toEqual([['15'], 101]);
  run.kill();
  expect(await told()).toEqual([['15'], 0]);
  for (let i = 90; i < 101; i++) api.remove(Nodes, `n${i}`);
  expect(await told()).toEqual([['15'], 0]);
  api.remove(Nodes, 'n89');
  expect(await told()).toEqual([['0'], 89]);
  // Somebody writes something else; and a node is made anew while nobody has heard of it.
  api.put(Nodes, { metadata: { name: 'n1', uid: 'n1 0', annotations: { [TTL_ANNOTATION]: 'x' } } } as unknown as Node);
  api.remove(Nodes, 'n2');
  api.put(Nodes, { metadata: { name: 'n2', uid: 'n2 1' } } as Node);
  expect(await told()).toEqual([['0'], 2]);
});
