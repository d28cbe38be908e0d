import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { controlFrame, dataHeader, FLAG_FIN, FrameParser, numbersFrame, ProtocolError, TYPE } from './frames.ts';

type Event =
  | { kind: 'control'; type: number; flags: number; payload: string }
  | { kind: 'data'; stream: number; bytes: string }
  | { kind: 'end'; stream: number };

/** Parses, joining neighbouring pieces of data so that the result does not depend on how the bytes were split. */
function parse(chunks: readonly Buffer[]): Event[] {
  const events: Event[] = [];
  const parser = new FrameParser({
    control: (type, flags, payload) => events.push({ kind: 'control', type, flags, payload: payload.toString('hex') }),
    data(stream, piece) {
      const last = events.at(-1);
      if (last?.kind === 'data' && last.stream === stream) last.bytes += piece.toString('hex');
      else events.push({ kind: 'data', stream, bytes: piece.toString('hex') });
    },
    dataEnd: (stream) => events.push({ kind: 'end', stream }),
  });
  for (const chunk of chunks) parser.push(chunk);
  return events;
}

const payloads = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const frames = fc.oneof(
  fc
    .record({ type: fc.integer({ min: 1, max: 20 }), flags: fc.integer({ min: 0, max: 255 }), payload: payloads })
    .map(({ type, flags, payload }) => controlFrame(type, flags, payload)),
  fc
    .record({ stream: fc.integer({ min: 1, max: 0x7fffffff }), fin: fc.boolean(), payload: payloads })
    .map(({ stream, fin, payload }) =>
      Buffer.concat([dataHeader(stream, fin ? FLAG_FIN : 0, payload.length), payload]),
    ),
);

describe('FrameParser', () => {
  test('reads what the writers write', () => {
    const bytes = Buffer.concat([
      numbersFrame(TYPE.ping, 7),
      dataHeader(3, 0, 2),
      Buffer.from('hi'),
      dataHeader(3, FLAG_FIN, 0),
    ]);
    expect(parse([bytes])).toEqual([
      { kind: 'control', type: TYPE.ping, flags: 0, payload: '00000007' },
      { kind: 'data', stream: 3, bytes: Buffer.from('hi').toString('hex') },
      { kind: 'end', stream: 3 },
    ]);
  });

  test.prop([fc.array(frames, { minLength: 1, maxLength: 5 })])('means the same split at any byte', (list) => {
    const bytes = Buffer.concat(list);
    const whole = parse([bytes]);
    for (let at = 1; at < bytes.length; at++) {
      expect(parse([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(whole);
    }
    expect(parse([...bytes].map((byte) => Buffer.from([byte])))).toEqual(whole);
  });

  test('hands over data while the frame is still coming', () => {
    expect(parse([dataHeader(1, FLAG_FIN, 0xffffff), Buffer.from('first')])).toEqual([
      { kind: 'data', stream: 1, bytes: Buffer.from('first').toString('hex') },
    ]);
  });

  test.each([
    ['a huge control frame', Buffer.from([0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff])],
    ['another version', Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 0])],
  ])('refuses %s', (_, bytes) => {
    expect(() => parse([bytes])).toThrow(ProtocolError);
  });
});
