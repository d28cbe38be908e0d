import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { FakeClock } from '#async/fake-clock.ts';
import { Rest } from '../api/rest.ts';
import type { CliContext } from '../context.ts';
import { converse } from './channels.ts';

const MINUTE_MS = 60_000;
let server: WebSocketServer;
let ctx: CliContext;
let clock: FakeClock;

beforeEach(async () => {
  clock = new FakeClock();
  // As a machine that is gone: it closes nothing, and answers nothing.
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong: false });
  await once(server, 'listening');
  const config = { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  ctx = { config, rest: new Rest(config, () => {}), signal: new AbortController().signal } as unknown as CliContext;
});

afterEach(() => {
  for (const socket of server.clients) socket.terminate();
  server.close();
});

const ends = () => ({ stdout: new PassThrough(), stderr: new PassThrough() });

test('a conversation with a server that is gone ends with a sentence after a minute', async () => {
  const streams = ends();
  let heard = (): void => {};
  const speaking = new Promise<void>((resolve) => {
    heard = resolve;
  });
  server.on('connection', (socket) => socket.send(Buffer.from([1, 65])));
  const talk = converse(ctx, '/exec', streams, { stdin: false, tty: false, clock, heard });
  const failure = talk.catch((e: Error) => e.message);
  await speaking;
  await clock.advance(2 * MINUTE_MS);
  expect(await failure).toBe('the connection is lost: nothing has been heard of the server for a minute');
  expect(streams.stdout.read()).toEqual(Buffer.from('A'));
});

test('the exit code of the command is what a conversation ends with', async () => {
  const status = { status: 'Failure', details: { causes: [{ reason: 'ExitCode', message: '7' }] } };
  server.on('connection', (socket) => {
    socket.send(Buffer.concat([Buffer.from([3]), Buffer.from(JSON.stringify(status))]));
    socket.close();
  });
  expect(await converse(ctx, '/exec', ends(), { stdin: false, tty: false, clock })).toBe(7);
});
