import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { encodeResponse, parseQuery, TYPE } from '../wire.ts';
import { Forwarder } from './forwarder.ts';

/** A name server that answers every question, or none, and counts them. */
class Server {
  readonly #socket: Socket = createSocket('udp4');
  asked = 0;
  answers = true;

  async start(): Promise<{ host: string; port: number }> {
    this.#socket.on('message', (m, from) => {
      this.asked++;
      const answers = [
        { type: TYPE.A, address: Buffer.from([192, 0, 2, 1]), name: parseQuery(m).name, ttl: 0 },
      ] as const;
      const response = encodeResponse(parseQuery(m), { rcode: 0, authoritative: false, answers }, 512);
      if (this.answers) this.#socket.send(response, from.port, from.address);
    });
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
    return { host: '127.0.0.1', port: this.#socket.address().port };
  }
  /** Resolves with its next question. */
  question(): Promise<unknown> {
    return once(this.#socket, 'message');
  }
  stop(): void {
    this.#socket.close();
  }
}

const [first, second] = [new Server(), new Server()];
const clock = new FakeClock();
let servers: { host: string; port: number }[];
let forwarder: Forwarder;

beforeAll(async () => {
  servers = [await first.start(), await second.start()];
  forwarder = new Forwarder({ clock, servers: async () => servers });
});
afterAll(() => {
  first.stop();
  second.stop();
});

function ask(name: string): Promise<Buffer> {
  const labels = name.split('.').map((l) => Buffer.concat([Buffer.from([l.length]), Buffer.from(l)]));
  const head = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const message = Buffer.concat([head, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
  return forwarder.answer(parseQuery(message), message);
}
const asked = (): number[] => [first.asked, second.asked];

test('a server that does not answer is waited for once, then asked after the others for a while', async () => {
  await ask('a.example');
  expect(asked()).toEqual([1, 0]);
  first.answers = false;
  const heard = first.question();
  const slow = ask('b.example');
  await heard;
  await clock.advance(2000);
  await slow;
  expect(asked()).toEqual([2, 1]);
  // Nobody has to wait again, though it would answer now.
  first.answers = true;
  for (const name of ['c.example', 'd.example']) await ask(name);
  expect(asked()).toEqual([2, 3]);
  await clock.advance(10_000);
  await ask('e.example');
  expect(asked()).toEqual([3, 3]);
});

test('when all are bad they are asked all the same', async () => {
  first.answers = false;
  second.answers = false;
  const [one, two] = [first.question(), second.question()];
  const failed = ask('f.example').catch((e: Error) => e.message);
  await one;
  await clock.advance(2000);
  await two;
  await clock.advance(2000);
  expect(await failed).toMatch(/did not answer within 2000 ms/);
  second.answers = true;
  const again = first.question();
  const slow = ask('g.example');
  await again;
  await clock.advance(2000);
  expect((await slow).readUInt16BE(6)).toBe(1);
});

test('questions that come while the servers are being read wait for them', async () => {
  first.answers = true;
  const reading = Promise.withResolvers<typeof servers>();
  forwarder = new Forwarder({ clock, servers: () => reading.promise });
  const both = Promise.all([ask('h.example'), ask('i.example')]);
  reading.resolve(servers);
  expect((await both).map((a) => a.readUInt16BE(6))).toEqual([1, 1]);
});
