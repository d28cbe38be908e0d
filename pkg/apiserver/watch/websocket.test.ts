import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { encodeProtobufFrame } from '#api/protobuf/encode.ts';
import { MEDIA_TYPE } from '#api/protobuf/wire.ts';
import { WebSocketOutlet } from './websocket.ts';

let port: number;
let asked: Promise<WebSocketOutlet>;

/** A server that makes an outlet of the one request it gets. */
beforeEach(async () => {
  const { promise, resolve } = Promise.withResolvers<WebSocketOutlet>();
  asked = promise;
  const server = createServer();
  const sockets: Duplex[] = [];
  server.on('upgrade', (incoming, socket, head) => {
    sockets.push(socket);
    resolve(new WebSocketOutlet({ request: incoming, socket, head }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});

/** A client that writes down what it is told. */
async function open(type: string, subprotocols: readonly string[] = []) {
  const client = new WebSocket(`ws://127.0.0.1:${port}`, [...subprotocols]);
  onTestFinished(() => client.terminate());
  const told: [boolean, string][] = [];
  client.on('message', (message: Buffer, isBinary) => told.push([isBinary, message.toString('latin1')]));
  const opened = once(client, 'open');
  const outlet = await asked;
  outlet.open(type);
  await opened;
  return { client, told, outlet };
}

test('each frame of JSON is a message of text; the end is a normal closure, after all of them', async () => {
  const { client, told, outlet } = await open('application/json', ['base64.binary.k8s.io', 'other']);
  expect([client.protocol, outlet.code, outlet.gone]).toEqual(['base64.binary.k8s.io', 101, false]);
  outlet.write([Buffer.from('{"a":1}\n'), Buffer.from('{"b":2}\n')]);
  outlet.end();
  const [code] = await once(client, 'close');
  expect(code).toBe(1000);
  expect(told).toEqual([
    [false, '{"a":1}\n'],
    [false, '{"b":2}\n'],
  ]);
});

test('frames of protobuf are binary messages, without the length that a stream needs', async () => {
  const { client, told, outlet } = await open(`${MEDIA_TYPE};stream=watch`);
  expect(client.protocol).toBe('');
  const frame = encodeProtobufFrame('ADDED', Buffer.from('object'));
  outlet.write([frame]);
  outlet.end();
  await once(client, 'close');
  expect(told).toEqual([[true, frame.toString('latin1', 4)]]);
});

test.each([
  ['takes leave', (client: WebSocket) => client.close()],
  ['is cut off', (client: WebSocket) => client.terminate()],
])('a client that %s is gone, and what is sent to it then is nothing', async (_how, leave) => {
  const { client, outlet } = await open('application/json');
  const gone = new Promise<void>((resolve) => outlet.onGone(resolve));
  leave(client);
  await gone;
  expect(outlet.gone).toBe(true);
  outlet.write([Buffer.from('x')]);
  outlet.end();
});

test('what a client has not taken yet is counted, and a cut ends the connection at once', async () => {
  const { client, outlet } = await open('application/json');
  client.pause();
  outlet.write([Buffer.alloc(32 << 20)]);
  expect(outlet.backlog).toBeGreaterThan(8 << 20);
  const gone = new Promise<void>((resolve) => outlet.onGone(resolve));
  outlet.cut();
  await gone;
  expect(outlet.gone).toBe(true);
});

test('a handshake that is none is answered 400, and nobody is there', async () => {
  const headers = { connection: 'Upgrade', upgrade: 'websocket' };
  const answered = once(request({ port, host: '127.0.0.1', headers }).end(), 'response');
  const outlet = await asked;
  outlet.open('application/json');
  expect([outlet.code, outlet.gone]).toEqual([400, true]);
  const [response] = (await answered) as [IncomingMessage];
  expect(response.statusCode).toBe(400);
  response.resume();
});
