import protobuf from 'protobufjs/minimal.js';
import type { KeyValue, StorageEvent } from '../storage.ts';

/**
 * The messages of etcd's KV, Watch and Lease services that the storage sends and reads (etcd API reference, rpc.proto and
 * kv.proto), written by hand: they are on the path of every request.
 */
type Writer = protobuf.Writer;
type Reader = protobuf.Reader;

/** Wire types of protobuf, as far as these messages use them. */
const VARINT = 0;
const BYTES = 2;
const tag = (field: number, wire: number): number => (field << 3) | wire;
const [BYTES_1, BYTES_2, BYTES_3] = [tag(1, BYTES), tag(2, BYTES), tag(3, BYTES)];

/** `RangeRequest` */
export interface RangeQuery {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  /** 0: none. */
  readonly limit?: number;
  /** 0: the newest. */
  readonly revision?: number;
  readonly countOnly?: boolean;
}

/** `RangeResponse` */
export interface RangeAnswer {
  readonly kvs: KeyValue[];
  readonly more: boolean;
  readonly count: number;
  /** Of the store when it answered. */
  readonly revision: number;
}

/** A write guarded by the key's mod_revision (0: the key must not exist). No value: a deletion. */
export interface GuardedRequest {
  readonly keyBytes: Uint8Array;
  readonly value?: Uint8Array;
  readonly expected: number;
  /** 0: none. */
  readonly lease: bigint;
}

/** `TxnResponse` of a guarded write. */
export interface GuardedAnswer {
  readonly succeeded: boolean;
  readonly revision: number;
  /** What is there when the guard did not hold. */
  readonly current: KeyValue | undefined;
}

/** `WatchResponse`. Values are parts of the message. */
export interface WatchAnswer {
  readonly created: boolean;
  readonly canceled: boolean;
  /** Why it was cancelled. */
  readonly reason: string;
  /** Above 0: history up to there is gone, and with it what was to be watched. */
  readonly compactRevision: number;
  /** More of its newest revision follows. */
  readonly fragment: boolean;
  readonly events: StorageEvent[];
}

const wide = (n: bigint) => ({
  low: Number(BigInt.asIntN(32, n)),
  high: Number(BigInt.asIntN(32, n >> 32n)),
  unsigned: false,
});

function writeRange(w: Writer, { key, rangeEnd, limit = 0, revision = 0, countOnly }: RangeQuery): Writer {
  w.uint32(BYTES_1).bytes(key);
  if (rangeEnd) w.uint32(BYTES_2).bytes(rangeEnd);
  if (limit > 0) w.uint32(tag(3, VARINT)).int64(limit);
  if (revision > 0) w.uint32(tag(4, VARINT)).int64(revision);
  if (countOnly) w.uint32(tag(9, VARINT)).bool(true);
  return w;
}

export const rangeRequest = (q: RangeQuery): Uint8Array => writeRange(protobuf.Writer.create(), q).finish();

function writePut(w: Writer, key: Uint8Array, value: Uint8Array, lease: bigint): Writer {
  w.uint32(BYTES_1).bytes(key).uint32(BYTES_2).bytes(value);
  if (lease !== 0n) w.uint32(tag(3, VARINT)).int64(wide(lease) as never);
  return w;
}

export const putRequest = (key: Uint8Array, value: Uint8Array): Uint8Array =>
  writePut(protobuf.Writer.create(), key, value, 0n).finish();

const MOD = 2;

/** `TxnRequest`: if the key is at the expected revision, the write, else a look at the key. */
export function guardedRequest({ keyBytes, value, expected, lease }: GuardedRequest): Uint8Array {
  const w = protobuf.Writer.create();
  // Compare: EQUAL is the default of its field.
  w.uint32(BYTES_1).fork().uint32(tag(2, VARINT)).uint32(MOD).uint32(BYTES_3).bytes(keyBytes);
  w.uint32(tag(6, VARINT)).int64(expected).ldelim();
  w.uint32(BYTES_2).fork();
  if (value) writePut(w.uint32(BYTES_2).fork(), keyBytes, value, lease).ldelim();
  else w.uint32(BYTES_3).fork().uint32(BYTES_1).bytes(keyBytes).ldelim();
  w.ldelim();
  w.uint32(BYTES_3).fork().uint32(BYTES_1).fork();
  return writeRange(w, { key: keyBytes }).ldelim().ldelim().finish();
}

export const compactionRequest = (revision: number): Uint8Array =>
  protobuf.Writer.create().uint32(tag(1, VARINT)).int64(revision).finish();

export const leaseGrantRequest = (ttlSeconds: number): Uint8Array =>
  protobuf.Writer.create().uint32(tag(1, VARINT)).int64(ttlSeconds).finish();

/** A number that is known to stay below 2^53: a revision, a count. */
function number(r: Reader): number {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = r.buf[r.pos++] ?? 0;
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
}

function bigNumber(r: Reader): bigint {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = r.buf[r.pos++] ?? 0;
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return BigInt.asIntN(64, value);
  }
}

/** Calls `read` with the number of each field up to `end`; what it does not take (false) is skipped. */
function fields(r: Reader, end: number, read: (field: number) => boolean): void {
  while (r.pos < end) {
    const t = r.uint32();
    if (!read(t >>> 3)) r.skipType(t & 7);
  }
}

const within = (r: Reader): number => r.uint32() + r.pos;

function readRevision(r: Reader): number {
  let revision = 0;
  fields(r, within(r), (f) => {
    if (f !== 3) return false;
    revision = number(r);
    return true;
  });
  return revision;
}

function readKeyValue(r: Reader): KeyValue {
  const kv = { key: '', value: EMPTY as Buffer, modRevision: 0, createRevision: 0 };
  fields(r, within(r), (f) => {
    if (f === 1) kv.key = (r.bytes() as Buffer).toString('latin1');
    else if (f === 2) kv.createRevision = number(r);
    else if (f === 3) kv.modRevision = number(r);
    else if (f === 5) kv.value = r.bytes() as Buffer;
    else return false;
    return true;
  });
  return kv;
}
const EMPTY = Buffer.alloc(0);

function readRange(r: Reader, end: number): RangeAnswer {
  const answer = { kvs: [] as KeyValue[], more: false, count: 0, revision: 0 };
  fields(r, end, (f) => {
    if (f === 1) answer.revision = readRevision(r);
    else if (f === 2) answer.kvs.push(readKeyValue(r));
    else if (f === 3) answer.more = r.bool();
    else if (f === 4) answer.count = number(r);
    else return false;
    return true;
  });
  return answer;
}

export const rangeAnswer = (b: Buffer): RangeAnswer => readRange(protobuf.Reader.create(b), b.length);

/** The revision that any answer's header names. */
export function revisionIn(b: Buffer): number {
  const r = protobuf.Reader.create(b);
  let revision = 0;
  fields(r, b.length, (f) => {
    if (f === 1) revision = readRevision(r);
    return f === 1;
  });
  return revision;
}

export function guardedAnswer(b: Buffer): GuardedAnswer {
  const r = protobuf.Reader.create(b);
  const answer = { succeeded: false, revision: 0, current: undefined as KeyValue | undefined };
  fields(r, b.length, (f) => {
    if (f === 1) answer.revision = readRevision(r);
    else if (f === 2) answer.succeeded = r.bool();
    else if (f === 3) {
      fields(r, within(r), (op) => {
        if (op === 1) answer.current = readRange(r, within(r)).kvs[0];
        return op === 1;
      });
    } else return false;
    return true;
  });
  return answer;
}

/** `Event` */
function readEvent(r: Reader): StorageEvent {
  let type: StorageEvent['type'] = 'put';
  let kv = NONE;
  let previous: KeyValue | undefined;
  fields(r, within(r), (f) => {
    if (f === 1) type = r.uint32() === 1 ? 'delete' : 'put';
    else if (f === 2) kv = readKeyValue(r);
    else if (f === 3) previous = readKeyValue(r);
    else return false;
    return true;
  });
  const { key, value, modRevision, createRevision } = kv;
  return { type, key, value, modRevision, createRevision, ...(previous ? { previous } : {}) };
}
const NONE: KeyValue = { key: '', value: EMPTY, modRevision: 0, createRevision: 0 };

export function watchAnswer(b: Buffer): WatchAnswer {
  const r = protobuf.Reader.create(b);
  const events: StorageEvent[] = [];
  const answer = { created: false, canceled: false, reason: '', compactRevision: 0, fragment: false, events };
  fields(r, b.length, (f) => {
    if (f === 3) answer.created = r.bool();
    else if (f === 4) answer.canceled = r.bool();
    else if (f === 5) answer.compactRevision = number(r);
    else if (f === 6) answer.reason = r.string();
    else if (f === 7) answer.fragment = r.bool();
    else if (f === 11) events.push(readEvent(r));
    else return false;
    return true;
  });
  return answer;
}

/** The id in a `LeaseGrantResponse`. */
export function leaseIn(b: Buffer): bigint {
  const r = protobuf.Reader.create(b);
  let id = 0n;
  fields(r, b.length, (f) => {
    if (f === 2) id = bigNumber(r);
    return f === 2;
  });
  return id;
}
