import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { StatusError } from '#api/meta/errors.ts';
import { systemClock } from '#async/clock.ts';
import { socketLog } from './log-socket.ts';

/** How the agent answers, and what it was asked. */
let answer: (response: ServerResponse) => void;
let asked: IncomingMessage | undefined;
let port: number;
let outcome: Promise<number | StatusError>;

/** An agent, and a server that asks it for the log of each upgrade. */
beforeEach(async () => {
  const agent = createServer((incoming, response) => {
    asked = incoming;
    answer(response);
  });
  const front = createServer();
  const sockets: Duplex[] = [];
  for (const server of [agent, front]) {
    server.listen(0, '127.0.0.1');
    server.on('connection', (socket) => sockets.push(socket));
    await once(server, 'listening');
  }
  const target = { host: '127.0.0.1', port: (agent.address() as AddressInfo).port, path: '/log?follow=1' };
  front.on('upgrade', (request, socket, head) => {
    outcome = socketLog({ request, socket, head }, { ...target, tls: undefined }, systemClock).catch((e) => {
      socket.destroy();
      return e as StatusError;
    });
  });
  ({ port } = front.address() as AddressInfo);
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    agent.close();
    front.close();
  });
});

/** A client that writes down what it is told. */
function client(...subprotocols: string[]): { ws: WebSocket; told: [boolean, string][] } {
  const ws = new WebSocket(`ws://127.0.0.1:${port}`, subprotocols);
  onTestFinished(() => ws.terminate());
  const told: [boolean, string][] = [];
  ws.on('message', (message: Buffer, isBinary) => told.push([isBinary, message.toString('latin1')]));
  ws.on('error', () => {});
  return { ws, told };
}

const token = 'base64url.bearer.authorization.k8s.io.c2VjcmV0';

test.each<[string[], string, boolean, string]>([
  [[], '', true, 'a\xff'],
  [['binary.k8s.io'], 'binary.k8s.io', true, 'a\xff'],
  [['other', 'base64.binary.k8s.io', 'binary.k8s.io'], 'base64.binary.k8s.io', false, 'Yf8='],
  [[token, 'binary.k8s.io'], 'binary.k8s.io', true, 'a\xff'],
])('who offers %j is answered %j, with an empty message and then the log', async (offered, chosen, binary, line) => {
  answer = (response) => void response.end(Buffer.of(0x61, 0xff));
  const { ws, told } = client(...offered);
  const [code] = await once(ws, 'close');
  expect([ws.protocol, code, told]).toEqual([
    chosen,
    1000,
    [
      [binary, ''],
      [binary, line],
    ],
  ]);
  expect(await outcome).toBe(101);
  expect(asked?.url).toBe('/log?follow=1');
  expect(JSON.stringify(asked?.headers)).not.toMatch(/websocket|upgrade/i);
});

test('what there is comes while the log goes on, and the agent is left with the client', async () => {
  let left = false;
  answer = (response) => {
    response.once('close', () => {
      left = true;
    });
    response.write('begin');
  };
  const { ws, told } = client();
  await vi.waitFor(() => expect(told.at(-1)).toEqual([true, 'begin']), { timeout: 30_000 });
  ws.close();
  await vi.waitFor(() => expect(left).toBe(true), { timeout: 30_000 });
  expect(await outcome).toBe(101);
});

test('a log that breaks off does not look complete', async () => {
  answer = (response) => response.write('begin', () => response.destroy());
  const { ws } = client();
  const [code] = await once(ws, 'close');
  expect(code).toBe(1006);
});

test('what is no log is answered as the agent does', async () => {
  answer = (response) => void response.writeHead(404).end('no such container');
  const { ws } = client();
  const [, response] = (await once(ws, 'unexpected-response')) as [unknown, IncomingMessage];
  expect([response.statusCode, await text(response), await outcome]).toEqual([404, 'no such container', 404]);
});

test('unknown sub-protocols are refused', async () => {
  answer = (response) => void response.end('x');
  const { ws } = client('v4.channel.k8s.io');
  await new Promise((resolve) => ws.once('close', resolve));
  expect(await outcome).toMatchObject({ code: 403, message: expect.stringContaining('[v4.channel.k8s.io]') });
});
