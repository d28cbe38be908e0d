import type { ServerResponse } from 'node:http';
import { expect, test, vi } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import type { CacheEntry, CacheEvent, ResourceCache } from '../cache/types.ts';
import { Flusher } from './flusher.ts';
import type { FrameEncoder } from './frames.ts';
import { HttpOutlet } from './outlet.ts';
import { Watcher } from './watcher.ts';

/** A response that waits for its connection until `connect`, and what reached the client. */
function setUp(missed: readonly string[] = []) {
  const sent: string[] = [];
  const socket = { destroyed: false, writableLength: 0, write: (b: Buffer) => sent.push(b.toString()) };
  const destroy = vi.fn();
  const response = {
    socket: null as typeof socket | null,
    destroyed: false,
    chunkedEncoding: true,
    writableLength: 0,
    once: () => {},
    destroy,
    write: (b: Buffer) => sent.push(`kept ${b}`),
  };
  let tell: (e: CacheEvent) => void = () => {};
  const cache = {
    revision: 1,
    list: () => missed.map((key) => ({ key })),
    watch(_from: number, follower: { event: (e: CacheEvent) => void }) {
      tell = follower.event;
      return () => {};
    },
  } as unknown as ResourceCache;
  const encoder = {
    live: (e: CacheEvent) => Buffer.from(e.entry.key),
    initial: ({ key }: CacheEntry) => Buffer.from(key),
  } as unknown as FrameEncoder;
  const watcher = new Watcher({
    cache,
    encoder,
    keyPrefix: '',
    bookmarks: false,
    outlet: new HttpOutlet(response as unknown as ServerResponse),
    flusher: new Flusher(new FakeClock()),
  });
  if (missed.length > 0) watcher.sendState(false);
  watcher.follow(0);
  const event = (key: string): Promise<void> => {
    tell({ type: 'ADDED', entry: { key, object: {} } } as unknown as CacheEvent);
    return Promise.resolve();
  };
  return { sent, event, socket, destroy, connect: () => Object.assign(response, { socket }) };
}

test('events that come before the last answer on the connection is off are not lost, nor those after', async () => {
  const { sent, event, connect } = setUp();
  await event('a');
  expect(sent).toEqual(['kept a']);
  connect();
  await event('b');
  expect(sent).toEqual(['kept a', '1\r\nb\r\n']);
});

test('events of one turn leave as one chunk', async () => {
  const { sent, event, connect } = setUp();
  connect();
  void event('a');
  await event('b');
  expect(sent).toEqual(['2\r\nab\r\n']);
});

test('a state larger than the backlog a watcher may have is sent; one that stays behind later is cut off', async () => {
  const MB = 2 ** 20;
  const { event, connect, socket, destroy } = setUp(['x'.repeat(20 * MB)]);
  connect();
  socket.writableLength = 20 * MB;
  await event('a');
  socket.writableLength = 27 * MB;
  await event('b');
  expect(destroy).not.toHaveBeenCalled();
  // It has taken all it began with: from now on it is measured by what it lags behind.
  socket.writableLength = 1 * MB;
  await event('c');
  expect(destroy).not.toHaveBeenCalled();
  socket.writableLength = 9 * MB;
  await event('d');
  expect(destroy).toHaveBeenCalledOnce();
});
