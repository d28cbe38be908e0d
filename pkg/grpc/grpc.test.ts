import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GrpcChannel } from './client.ts';
import { GrpcFrames, grpcFrame } from './frames.ts';
import { GrpcServer } from './server.ts';

describe('messages in chunks', () => {
  test('however they are cut', () => {
    const all = Buffer.concat([
      grpcFrame(Buffer.from('one')),
      grpcFrame(Buffer.alloc(0)),
      grpcFrame(Buffer.from('three')),
    ]);
    for (let size = 1; size <= all.length; size++) {
      const frames = new GrpcFrames(100);
      const found: string[] = [];
      for (let at = 0; at < all.length; at += size) found.push(...frames.push(all.subarray(at, at + size)).map(String));
      expect(found).toEqual(['one', '', 'three']);
    }
  });

  test('too large, or compressed', () => {
    expect(() => new GrpcFrames(3).push(grpcFrame(Buffer.from('four')))).toThrow(
      'a message of 4 bytes is larger than 3',
    );
    expect(() => new GrpcFrames(3).push(Buffer.from([1, 0, 0, 0, 0]))).toThrow('compressed');
  });
});

describe('calls over a socket', () => {
  const dir = mkdtempSync(join(tmpdir(), 'grpc-'));
  const socket = join(dir, 's.sock');
  const server = new GrpcServer({
    '/t.S/Echo': async (m) => m,
    '/t.S/Fail': async () => {
      throw new Error('100 % wrong');
    },
    '/t.S/Silent': () => new Promise(() => {}),
  });
  let channel: GrpcChannel;
  beforeAll(async () => {
    await server.listen(socket);
    channel = new GrpcChannel(socket);
  });
  afterAll(() => {
    channel.close();
    server.close();
    rmSync(dir, { recursive: true });
  });

  test('answers and errors', async () => {
    const large = Buffer.alloc(300_000, 'x');
    expect(await channel.unary('/t.S/Echo', large, 60_000)).toEqual(large);
    await expect(channel.unary('/t.S/Fail', large, 60_000)).rejects.toThrow(
      'rpc error: code = InvalidArgument desc = 100 % wrong',
    );
    await expect(channel.unary('/t.S/None', large, 60_000)).rejects.toThrow('code = Unimplemented');
    await expect(channel.unary('/t.S/Silent', large, 20)).rejects.toThrow('code = Unavailable');
  });

  test('nobody there', async () => {
    const none = new GrpcChannel(join(dir, 'none.sock'));
    await expect(none.unary('/t.S/Echo', Buffer.alloc(0), 60_000)).rejects.toThrow('ENOENT');
    await expect(none.unary('/t.S/Echo', Buffer.alloc(0), 60_000)).rejects.toThrow('ENOENT');
    none.close();
  });
});
