import { FormatError, RCODE, readName, readRecord, TYPE } from '../wire.ts';

/** Answers are kept no longer than this, whatever their records say, seconds. */
const MAX_TTL_S = 30;
/** Failures are remembered briefly, so that a broken server is not asked by every client, seconds. */
const FAILURE_TTL_S = 2;

/** An upstream answer with the places of its times to live, which shrink while it is kept. */
export interface CachedAnswer {
  readonly message: Buffer;
  readonly ttlAt: readonly number[];
  /** Epoch ms. */
  readonly storedAt: number;
  /** Milliseconds. */
  readonly lifetime: number;
}

interface Scan {
  readonly ttlAt: number[];
  readonly lowest: number;
}

function scan(message: Buffer): Scan {
  if (message.readUInt16BE(4) !== 1) throw new FormatError('answer without a question');
  let at = readName(message, 12).end + 4;
  const ttlAt: number[] = [];
  let lowest = MAX_TTL_S;
  const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  for (let i = 0; i < records; i++) {
    const r = readRecord(message, at);
    if (r.type !== TYPE.OPT) {
      ttlAt.push(r.ttlAt);
      lowest = Math.min(lowest, message.readUInt32BE(r.ttlAt));
      // The last number of an SOA says how long the absence of a name may be believed (RFC 2308 section 5).
      if (r.type === TYPE.SOA) lowest = Math.min(lowest, message.readUInt32BE(r.end - 4));
    }
    at = r.end;
  }
  return { ttlAt, lowest };
}

/** @throws FormatError for an answer that cannot be read: it is not passed on. */
export function cachedAnswer(message: Buffer, now: number): CachedAnswer {
  const { ttlAt, lowest } = scan(message);
  const rcode = (message[3] ?? 0) & 0xf;
  const fine = rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN;
  // Neither records nor an SOA: nobody said how long this holds.
  const seconds = fine ? (ttlAt.length > 0 ? lowest : 0) : FAILURE_TTL_S;
  return { message, ttlAt, storedAt: now, lifetime: seconds * 1000 };
}

/** A copy for one client: its id, its spelling of the question, and times to live that have run since. */
export function answerFor(cached: CachedAnswer, id: number, question: Buffer, now: number): Buffer {
  const copy = Buffer.from(cached.message);
  if (copy.length < 12 + question.length) throw new FormatError('answer without a question');
  copy.writeUInt16BE(id, 0);
  question.copy(copy, 12);
  const passed = Math.floor((now - cached.storedAt) / 1000);
  for (const at of cached.ttlAt)
    copy.writeUInt32BE(Math.max(0, Math.min(copy.readUInt32BE(at), MAX_TTL_S) - passed), at);
  return copy;
}
