import { createSocket, type Socket } from 'node:dgram';
import { afterAll, describe, expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { parseQuery } from '../wire.ts';
import { Forwarder } from './forwarder.ts';
import { StubDomains } from './stub-domains.ts';

const stubs = new StubDomains({
  'corp.lan': '10.0.0.1:5353',
  'Deep.Corp.Lan.': '10.0.0.2+10.0.0.3',
  six: 'fd00::1',
  ported: '[fd00::1]:54',
});
const shown = (name: string): string | undefined =>
  stubs
    .serversFor(name)
    ?.map((s) => `${s.host} ${s.port}`)
    .join(', ');

test.each([
  ['corp.lan', '10.0.0.1 5353'],
  ['www.corp.lan', '10.0.0.1 5353'],
  ['deep.corp.lan', '10.0.0.2 53, 10.0.0.3 53'],
  ['very.deep.corp.lan', '10.0.0.2 53, 10.0.0.3 53'],
  ['notcorp.lan', undefined],
  ['lan', undefined],
  ['', undefined],
  ['a.six', 'fd00::1 53'],
  ['ported', 'fd00::1 54'],
])('servers for "%s": %s', (name, expected) => {
  expect(shown(name)).toBe(expected);
});

test.each(['ns.example.org', '10.0.0.1:0', '10.0.0.1:99999', ''])('"%s" is no name server', (server) => {
  expect(() => new StubDomains({ x: server })).toThrow('is not the address of a name server');
});

describe('forwarding', () => {
  const sockets: Socket[] = [];
  afterAll(() => {
    for (const s of sockets) s.close();
  });
  /** A name server that answers every question with "no such name", and counts them. */
  async function nameServer(): Promise<{ port: number; asked: () => number }> {
    const socket = createSocket('udp4');
    sockets.push(socket);
    let asked = 0;
    socket.on('message', (m, from) => {
      asked++;
      const reply = Buffer.from(m);
      reply[2] = 0x81;
      reply[3] = 0x83;
      socket.send(reply, from.port, from.address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return { port: socket.address().port, asked: () => asked };
  }
  const question = (name: string): Buffer =>
    Buffer.concat([
      Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
      ...name.split('.').map((l) => Buffer.from([l.length, ...Buffer.from(l)])),
      Buffer.from([0, 0, 1, 0, 1]),
    ]);

  test('a stub domain is asked of its own server, everything else of the others', async () => {
    const [own, other] = [await nameServer(), await nameServer()];
    const forwarder = new Forwarder({
      // Nobody is given up and asked twice.
      clock: new FakeClock(),
      servers: () => Promise.resolve([{ host: '127.0.0.1', port: other.port }]),
      stubs: new StubDomains({ 'corp.lan': `127.0.0.1:${own.port}` }),
    });
    const ask = (name: string) => forwarder.answer(parseQuery(question(name)));
    expect((await ask('www.corp.lan')).readUInt16BE(0)).toBe(7);
    expect([own.asked(), other.asked()]).toEqual([1, 0]);
    await ask('www.example.org');
    expect([own.asked(), other.asked()]).toEqual([1, 1]);
  });
});
