import { expect, test } from 'vitest';
import { makeNode, makePod, makeState } from '../fixtures.ts';
import { imageName } from '../snapshot/image-nodes.ts';
import { imageLocality } from './image-locality.ts';

const MIB = 1024 * 1024;
const holding = (name: string, images: Record<string, number>) =>
  makeNode(
    name,
    {},
    {
      status: { images: Object.entries(images).map(([n, mib]) => ({ names: [n], sizeBytes: mib * MIB })) },
    },
  );
const running = (...images: string[]) => makePod('p', { spec: { containers: images.map((image) => ({ image })) } });

test.each([
  ['nginx', 'nginx:latest'],
  ['nginx:1', 'nginx:1'],
  ['host:5000/nginx', 'host:5000/nginx:latest'],
  ['nginx@sha256:00', 'nginx@sha256:00'],
])('%s is named %s', (image, name) => {
  expect(imageName(image)).toBe(name);
});

test.each<[string, string[], Record<string, number>[], number[]]>([
  ['one of two nodes has it', ['img:1'], [{ 'img:1': 1000 }, {}], [49, 0]],
  ['both have it', ['img:1'], [{ 'img:1': 1000 }, { 'img:1': 1000 }], [100, 100]],
  ['small ones do not matter', ['img:1'], [{ 'img:1': 20 }, {}], [0, 0]],
  ['large ones count up to a limit', ['img:1'], [{ 'img:1': 9000 }, {}], [100, 0]],
  ['one of two images', ['img:1', 'img:2'], [{ 'img:1': 1000 }, { 'img:1': 1000 }], [49, 49]],
  ['without tag', ['img'], [{ 'img:latest': 1000 }, { 'img:latest': 1000 }], [100, 100]],
])('%s', (_, images, nodes, expected) => {
  const state = makeState(nodes.map((n, i) => holding(`n${i}`, n)));
  const prepared = imageLocality.prepare(running(...images), state);
  expect(state.nodes().map((n) => Math.round(prepared?.score?.(n) ?? 0))).toEqual(expected);
});

test('images come and go with what nodes report', () => {
  const state = makeState([holding('a', { 'img:1': 1000 })]);
  expect(state.images.nodesWith('img:1')).toBe(1);
  state.setNode(holding('a', { 'img:2': 1000 }));
  expect([state.images.nodesWith('img:1'), state.images.nodesWith('img:2')]).toEqual([0, 1]);
  state.removeNode('a');
  expect(state.images.nodesWith('img:2')).toBe(0);
});
