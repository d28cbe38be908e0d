import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import type { Arrived, Reply } from '../proxy/types.ts';
import { sendSoon } from './burst.ts';
import { Http1Server } from './server.ts';

test('who has something to send does so in turn, once all that was there is read', async () => {
  const sent: string[] = [];
  const sender = (name: string) => ({ flush: () => void sent.push(name) });
  const again = { flush: () => sendSoon(sender('later')) };
  for (const s of [sender('a'), again, sender('b')]) sendSoon(s);
  await Promise.resolve();
  expect(sent).toEqual([]);
  await turn();
  expect(sent).toEqual(['a', 'b']);
  await turn();
  expect(sent).toEqual(['a', 'b', 'later']);
});

describe('an answer that waits for others is sent', () => {
  const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
  /** A connection without a network: nothing happens on it between two turns of the event loop. */
  class Line extends Duplex {
    written = '';
    override _read(): void {}
    override _write(chunk: Buffer, _encoding: string, done: () => void): void {
      this.written += chunk.toString('latin1');
      done();
    }
    destroySoon(): void {
      this.end();
    }
  }
  let line: Line;
  let server: Http1Server;
  /** What is done with each request after the first one. */
  let further: (reply: Reply) => void;
  /** What happens right after the first answer. */
  let then: () => void;

  beforeEach(() => {
    line = new Line();
    [further, then] = [() => {}, () => {}];
    let first = true;
    const take = (_request: Arrived, reply: Reply): void => {
      if (!first) {
        further(reply);
        return;
      }
      first = false;
      reply.start(200, 'Fine', ['content-length', '5']);
      reply.end(Buffer.from('whole'));
      process.nextTick(then);
    };
    const handOver = (socket: Socket) => void socket.write('handed over');
    server = new Http1Server({ clock: new FakeClock(0), headMs: 30_000, idleMs: 75_000, take, handOver });
    server.accept(line as unknown as Socket);
  });
  const written = async (): Promise<string> => {
    for (let i = 0; i < 3; i++) await turn();
    return line.written;
  };

  test('with all others', async () => {
    let early = '';
    then = () => {
      early = line.written;
    };
    line.push(GET);
    expect(await written()).toMatch(/^HTTP.*whole$/s);
    expect(early).toBe('');
  });

  test('before the connection ends, since the client sends no more', async () => {
    then = () => void line.push(null);
    line.push(GET);
    expect(await written()).toMatch(/whole$/);
  });

  test('before the connection ends, since the server does', async () => {
    then = () => server.drain();
    line.push(GET);
    expect(await written()).toMatch(/whole$/);
  });

  test('before the connection breaks with the next one', async () => {
    further = (reply) => reply.destroy();
    line.push(GET + GET);
    expect(await written()).toMatch(/whole$/);
  });

  test('before the connection is handed over', async () => {
    line.push(`${GET}GET / HTTP/1.0\r\n\r\n`);
    expect(await written()).toMatch(/wholehanded over$/);
  });

  test('before one that is too long to wait', async () => {
    further = (reply) => {
      reply.start(200, 'Fine', ['content-length', '20000']);
      reply.end(Buffer.alloc(20_000, 'x'));
    };
    line.push(GET + GET);
    const [before, long] = (await written()).split('wholeHTTP');
    expect([before?.startsWith('HTTP'), long?.endsWith('x'.repeat(20_000))]).toEqual([true, true]);
  });
});
