import { type Duplex, duplexPair } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, expect, test, vi } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { numbersFrame, TYPE } from './frames.ts';
import { SpdySession } from './session.ts';
import { INITIAL_WINDOW, type SpdyStream } from './stream.ts';

const KB = 1024;

interface Pair {
  readonly client: SpdySession;
  readonly server: SpdySession;
  /** The server's end of the wire. */
  readonly wire: Duplex;
  readonly clock: FakeClock;
  readonly accepted: SpdyStream[];
  /** The next stream the server sees. */
  accept(): Promise<SpdyStream>;
}

function connect(options: { maxStreams?: number; windows?: 'always'; onStream?: (s: SpdyStream) => void } = {}): Pair {
  const [near, wire] = duplexPair();
  const clock = new FakeClock();
  const accepted: SpdyStream[] = [];
  const waiting: ((stream: SpdyStream) => void)[] = [];
  const onStream = (stream: SpdyStream) => {
    options.onStream?.(stream);
    const next = waiting.shift();
    if (next) next(stream);
    else accepted.push(stream);
  };
  const { maxStreams, windows } = options;
  const server = new SpdySession(wire, { role: 'server', clock, onStream, ...(maxStreams ? { maxStreams } : {}) });
  const client = new SpdySession(near, { role: 'client', clock, onStream: () => {}, ...(windows ? { windows } : {}) });
  const accept = async () => accepted.shift() ?? new Promise<SpdyStream>((resolve) => waiting.push(resolve));
  return { client, server, wire, clock, accepted, accept };
}

/** Both ends are in this process: what can happen without further input has happened after some turns of the loop. */
async function settled(): Promise<void> {
  for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
}

const closed = (stream: Duplex): Promise<void> => new Promise((resolve) => stream.once('close', () => resolve()));

/** The bytes of a stream nobody writes to any more, read slowly. */
async function readSlowly(stream: SpdyStream): Promise<number> {
  let total = 0;
  for await (const chunk of stream) {
    total += (chunk as Buffer).length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return total;
}

describe('SpdySession', () => {
  test('carries headers and data both ways, and each half closes by itself', async () => {
    const { client, accept } = connect();
    const stream = client.open({ streamType: 'data', port: '80' });
    stream.end('question');
    const served = await accept();
    expect({ ...served.headers }).toEqual({ streamtype: 'data', port: '80' });
    expect(await text(served)).toBe('question');
    served.end('answer');
    expect(await text(stream)).toBe('answer');
    await vi.waitFor(() => expect(served.destroyed).toBe(true), { timeout: 30_000 });
  });

  test('many streams at once keep to themselves', async () => {
    const { client } = connect({ onStream: (stream) => stream.pipe(stream) });
    const contents = Array.from({ length: 50 }, (_, i) => Buffer.alloc(100 * KB + i, i));
    const echoes = contents.map((content) => {
      const stream = client.open({});
      stream.end(content);
      return buffer(stream);
    });
    expect(await Promise.all(echoes)).toEqual(contents);
  });

  test('a write completes only as the reader consumes, whether or not windows are obeyed', async () => {
    for (const windows of [undefined, 'always'] as const) {
      const { client, accept, wire } = connect(windows ? { windows } : {});
      const stream = client.open({});
      const total = 4 * KB * KB;
      let completed = 0;
      const chunk = Buffer.alloc(64 * KB);
      const write = () => {
        if (completed === total) stream.end();
        else
          stream.write(chunk, () => {
            completed += chunk.length;
            write();
          });
      };
      write();
      const served = await accept();
      await settled();
      // One window at the reader, and what the two ends of the wire hold.
      expect(served.readableLength).toBeLessThanOrEqual(2 * INITIAL_WINDOW);
      expect(completed).toBeLessThan(8 * INITIAL_WINDOW);
      if (windows) {
        expect(completed).toBeLessThanOrEqual(INITIAL_WINDOW);
        expect(wire.isPaused()).toBe(false);
      }
      expect(await readSlowly(served)).toBe(total);
    }
  });

  test('with windows, one stream that nobody reads does not hold up the others', async () => {
    const { client, accept } = connect({ windows: 'always' });
    const stuck = client.open({ name: 'stuck' });
    stuck.write(Buffer.alloc(1024 * KB));
    await accept();
    const other = client.open({ name: 'other' });
    const served = await accept();
    served.pipe(served);
    other.end(Buffer.alloc(1024 * KB, 'x'));
    expect((await buffer(other)).length).toBe(1024 * KB);
  });

  test('the peer obeys a WINDOW_UPDATE from the first on', async () => {
    const [near, wire] = duplexPair();
    const server = new SpdySession(wire, { role: 'server', clock: new FakeClock(), onStream: () => {} });
    let received = 0;
    near.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    near.write(numbersFrame(TYPE.windowUpdate, 0, 1000));
    await new Promise((resolve) => setImmediate(resolve));
    const stream = server.open({});
    stream.write(Buffer.alloc(1024 * KB));
    await settled();
    expect(received).toBeGreaterThan(INITIAL_WINDOW);
    expect(received).toBeLessThan(INITIAL_WINDOW + KB);
    near.write(numbersFrame(TYPE.windowUpdate, stream.id, 500));
    await vi.waitFor(() => expect(received).toBeGreaterThan(INITIAL_WINDOW + 500), { timeout: 30_000 });
    expect(received).toBeLessThan(INITIAL_WINDOW + 500 + KB);
  });

  test('destroying a stream resets it at the peer, and a reset ends it here', async () => {
    const { client, accept } = connect();
    const stream = client.open({});
    const served = await accept();
    served.destroy();
    await closed(stream);
    expect(stream.errored?.message).toBe('stream reset by the peer');
  });

  test('refuses streams beyond the limit', async () => {
    const { client, accept } = connect({ maxStreams: 1 });
    client.open({});
    await accept();
    const refused = client.open({});
    await closed(refused);
    expect(refused.errored?.message).toBe('stream reset by the peer');
  });

  test('answers pings', async () => {
    const { client, server } = connect();
    await Promise.all([client.ping(), server.ping()]);
  });

  test('ends everything with the connection', async () => {
    const { client, server, accept } = connect();
    client.open({});
    const served = await accept();
    client.destroy();
    await closed(served);
    expect(server.signal.aborted).toBe(true);
    expect(served.errored?.message).toBe('connection closed');
    // Late writes fail quietly.
    served.write('late');
  });

  test('ends the connection when the peer talks nonsense', async () => {
    const [near, wire] = duplexPair();
    const server = new SpdySession(wire, { role: 'server', clock: new FakeClock(), onStream: () => {} });
    near.write(Buffer.from([0x80, 9, 9, 9, 9, 9, 9, 9]));
    near.resume();
    await vi.waitFor(() => expect(server.signal.aborted).toBe(true), { timeout: 30_000 });
  });

  test('shutdown discards what still comes and waits for the peer, but not for ever', async () => {
    const { client, server, accept, clock } = connect();
    const stream = client.open({});
    const served = await accept();
    served.end('bye');
    server.shutdown();
    stream.write(Buffer.alloc(1024 * KB));
    expect(await text(stream)).toBe('bye');
    await new Promise<void>((resolve) => stream.end(resolve));
    expect(server.signal.aborted).toBe(false);
    await clock.advance(10_000);
    expect(server.signal.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  test('a peer that provokes answers and never reads them is cut off', async () => {
    const [near, wire] = duplexPair();
    const server = new SpdySession(wire, { role: 'server', clock: new FakeClock(), onStream: () => {} });
    near.on('error', () => {});
    const pings = Buffer.concat(Array.from({ length: 10_000 }, () => numbersFrame(TYPE.ping, 1)));
    for (let i = 0; i < 100; i++) near.write(pings);
    await vi.waitFor(() => expect(server.signal.aborted).toBe(true), { timeout: 30_000 });
  });

  test('takes the bytes behind the upgrade first', async () => {
    const [near, wire] = duplexPair();
    const sent: Buffer[] = [];
    near.on('data', (chunk: Buffer) => sent.push(chunk));
    near.write(numbersFrame(TYPE.ping, 3));
    const head = numbersFrame(TYPE.ping, 1);
    new SpdySession(wire, { role: 'server', clock: new FakeClock(), head, onStream: () => {} });
    const expected = Buffer.concat([head, numbersFrame(TYPE.ping, 3)]);
    await vi.waitFor(() => expect(Buffer.concat(sent)).toEqual(expected), { timeout: 30_000 });
  });
});
