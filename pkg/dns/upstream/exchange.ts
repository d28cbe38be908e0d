import { createSocket } from 'node:dgram';
import { createConnection, isIPv6 } from 'node:net';
import type { Clock } from '#async/clock.ts';
import { readName } from '../wire.ts';

export interface Server {
  readonly host: string;
  readonly port: number;
}

const TRUNCATED = 0x0200;

/**
 * Asks one server, by UDP and, when its answer says it was cut short, by TCP (RFC 7766). Every question goes out from a
 * socket of its own with a random id: the port and the id are what a forged answer would have to guess (RFC 5452).
 * @param message a query whose id was chosen at random
 * @throws Error when nothing fitting comes within `timeoutMs`
 */
export async function exchange(message: Buffer, server: Server, timeoutMs: number, clock: Clock): Promise<Buffer> {
  const until = clock.now() + timeoutMs;
  const answer = await overUdp(message, server, timeoutMs, clock);
  if ((answer.readUInt16BE(2) & TRUNCATED) === 0) return answer;
  return overTcp(message, server, Math.max(1, until - clock.now()), clock);
}

/** Same id, an answer, and to the question asked. One that repeats no question tells of a failure: nobody waits any longer. */
function fits(answer: Buffer, message: Buffer): boolean {
  if (answer.length < 12 || answer.readUInt16BE(0) !== message.readUInt16BE(0) || (answer[2] ?? 0) < 0x80) return false;
  return answer.readUInt16BE(4) === 0 || sameQuestion(answer, message);
}

/** In whatever spelling: some write names as they know them. */
function sameQuestion(answer: Buffer, message: Buffer): boolean {
  const { end } = readName(message, 12);
  const name = (m: Buffer): string => m.toString('latin1', 12, end).toLowerCase();
  return name(answer) === name(message) && answer.subarray(end, end + 4).equals(message.subarray(end, end + 4));
}

function overUdp(message: Buffer, server: Server, timeoutMs: number, clock: Clock): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4');
    const end = (error: Error | undefined, answer?: Buffer): void => {
      timer.cancel();
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.close();
      if (answer) resolve(answer);
      else reject(error ?? new Error('no answer'));
    };
    const timer = clock.after(timeoutMs, () => end(new Error(`${server.host} did not answer within ${timeoutMs} ms`)));
    socket.on('error', (e) => end(e));
    socket.on('message', (answer) => {
      if (fits(answer, message)) end(undefined, answer);
    });
    // Connected, so that only this server's packets arrive, and "port unreachable" is told at once.
    socket.connect(server.port, server.host, (e?: Error) => {
      if (e) end(e);
      else socket.send(message, (failed) => failed && end(failed));
    });
  });
}

function overTcp(message: Buffer, server: Server, timeoutMs: number, clock: Clock): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: server.host, port: server.port });
    let received = Buffer.alloc(0);
    const end = (error: Error | undefined, answer?: Buffer): void => {
      timer.cancel();
      socket.destroy();
      if (answer) resolve(answer);
      else reject(error ?? new Error(`${server.host} closed the connection`));
    };
    const timer = clock.after(timeoutMs, () => end(new Error(`${server.host} did not answer within ${timeoutMs} ms`)));
    socket.on('error', (e) => end(e));
    socket.on('close', () => end(undefined));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const length = received.length >= 2 ? received.readUInt16BE(0) : Number.POSITIVE_INFINITY;
      if (received.length < length + 2) return;
      const answer = received.subarray(2, length + 2);
      end(
        fits(answer, message) ? undefined : new Error(`${server.host} sent something else`),
        fits(answer, message) ? answer : undefined,
      );
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
  });
}
