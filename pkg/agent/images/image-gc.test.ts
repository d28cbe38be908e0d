import { expect, test } from 'vitest';
import type { ImageInfo } from '../runtime/types.ts';
import { removable } from './image-gc.ts';

const image = (id: string, ...names: string[]): ImageInfo => ({ id, names, sizeBytes: 1 });

test('pulled images that no pod names, those unused longest first', () => {
  const images = [
    image('new', 'a/new:1', 'a/new@sha256:1'),
    image('old', 'a/old:1', 'a/old@sha256:2'),
    image('used', 'a/used:1', 'a/used@sha256:3'),
    image('by-digest', 'a/digest@sha256:4'),
    image('loaded', 'coxswain/pause:1'),
    image('also-loaded', 'a/tiny:1', 'a/tiny@sha256:5', 'coxswain/hello:1'),
    image('port', '127.0.0.1:5000/x', '127.0.0.1:5000/x@sha256:6'),
    image('nameless'),
  ];
  const idle = new Map([
    ['new', 200],
    ['old', 100],
    ['port', 300],
  ]);
  const found = removable(images, new Set(['a/used:1', 'a/digest@sha256:4']), idle);
  expect(found.map((i) => i.id)).toEqual(['old', 'new', 'port']);
});
