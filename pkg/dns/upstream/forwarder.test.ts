import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { encodeResponse, parseQuery, TYPE } from '../wire.ts';
import { Forwarder } from './forwarder.ts';

/** A name server that answers every question, or none, and counts them. */
class Server {
  readonly #socket: Socket = createSocket('udp4');
  asked = 0;
  answers = true;
  /** Of its answers, seconds. */
  ttl = 0;
  /** Before each answer another one comes, to a question that nobody asked. */
  strays = false;
  last: Buffer = Buffer.alloc(0);

  async start(): Promise<{ host: string; port: number }> {
    this.#socket.on('message', (m, from) => {
      this.asked++;
      this.last = m;
      const { name } = parseQuery(m);
      const answers = [{ type: TYPE.A, address: Buffer.from([192, 0, 2, 1]), name, ttl: this.ttl }] as const;
      const response = encodeResponse(parseQuery(m), { rcode: 0, authoritative: false, answers }, 512);
      const stray = encodeResponse(parseQuery(m), { rcode: 3, authoritative: false, answers: [] }, 512);
      stray.write('x', 13, 'latin1');
      if (this.strays) this.#socket.send(stray, from.port, from.address);
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

const ask = (name: string): Promise<Buffer> => askOf(name.split('.'));

/** @param opt an OPT record, as the client sends it */
function askOf(name: readonly string[], opt: Buffer = Buffer.alloc(0)): Promise<Buffer> {
  const labels = name.map((l) => Buffer.concat([Buffer.from([l.length]), Buffer.from(l)]));
  const head = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, opt.length > 0 ? 1 : 0]);
  const message = Buffer.concat([head, ...labels, Buffer.from([0, 0, 1, 0, 1]), opt]);
  return forwarder.answer(parseQuery(message));
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

describe('what is remembered', () => {
  const count = async (asking: Promise<unknown>): Promise<number> => {
    const before = first.asked;
    await asking;
    return first.asked - before;
  };
  beforeAll(() => {
    forwarder = new Forwarder({ clock, servers: async () => servers });
    first.answers = true;
    first.ttl = 300;
  });

  test('is of the name that was asked, not of one with a dot within a label', async () => {
    expect(await count(askOf(['j.example']))).toBe(1);
    expect(await count(ask('j.example'))).toBe(1);
    expect(await count(ask('j.example'))).toBe(0);
  });

  test('is the same for every client: what one has to say to its server alone is not passed on', async () => {
    // A size of 4096 bytes, signatures, and a cookie of eight bytes; then the same without signatures.
    const opt = (flags: number): Buffer =>
      Buffer.from([0, 0, 41, 16, 0, 0, 0, flags, 0, 0, 12, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await count(askOf(['k', 'example'], opt(0x80)))).toBe(1);
    expect([...first.last.subarray(-11)]).toEqual([0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0]);
    expect(await count(askOf(['k', 'example'], opt(0)))).toBe(1);
    expect([...first.last.subarray(-11)]).toEqual([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
    expect(await count(askOf(['k', 'example'], opt(0x80)))).toBe(0);
  });

  test('is no answer to another question', async () => {
    first.strays = true;
    expect((await ask('l.example')).readUInt16BE(6)).toBe(1);
  });
});
