import { expect, test } from 'vitest';
import { contentOf, FLAG, FRAME, FRAME_BYTES, FrameReader, frameHead, frameOf, readSettings } from './frames.ts';

test('frames, however they are cut', () => {
  const text = Buffer.from('some words');
  const all = Buffer.concat([
    frameOf(FRAME.windowUpdate, 3, 70_000),
    frameHead(FRAME.settings, FLAG.ack, 0, 0),
    frameHead(FRAME.data, FLAG.endStream, 2 ** 31 - 1, text.length),
    text,
  ]);
  for (let size = 1; size <= all.length; size++) {
    const reader = new FrameReader();
    const found: unknown[][] = [];
    for (let at = 0; at < all.length; at += size) {
      reader.push(all.subarray(at, at + size), (type, flags, stream, payload) =>
        found.push([type, flags, stream, payload.toString('latin1')]),
      );
    }
    expect(found).toEqual([
      [FRAME.windowUpdate, 0, 3, '\0\x01\x11p'],
      [FRAME.settings, FLAG.ack, 0, ''],
      [FRAME.data, FLAG.endStream, 2 ** 31 - 1, 'some words'],
    ]);
  }
});

test('what cannot be', () => {
  const long = frameHead(FRAME.data, 0, 1, FRAME_BYTES + 1);
  expect(() => new FrameReader().push(long, () => {})).toThrow('a frame of 16385 bytes is too long');
  const padded = Buffer.from([5, 1, 2, 3]);
  expect(() => contentOf(FRAME.data, FLAG.padded, padded)).toThrow('more padding');
  expect(() => readSettings(Buffer.alloc(5))).toThrow('a strange length');
  expect(contentOf(FRAME.data, FLAG.padded, Buffer.from([2, 1, 0, 0])).equals(Buffer.from([1]))).toBe(true);
  const prior = Buffer.from([1, 0, 0, 0, 0, 16, 0x88, 0]);
  expect(contentOf(FRAME.headers, FLAG.padded | FLAG.priority, prior).equals(Buffer.from([0x88]))).toBe(true);
});
