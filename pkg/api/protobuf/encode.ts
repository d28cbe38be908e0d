import protobuf from 'protobufjs/minimal.js';
import { parseDuration } from '../meta/duration.ts';
import { ListMeta } from '../meta/options.ts';
import { parseTime } from '../meta/time.ts';
import { type ObjectSchema, resolveLazy } from '../schema/schema.ts';
import { MAGIC, type Resolved, WIRE, type WireField, wireFields } from './wire.ts';

/**
 * Writes objects as `application/vnd.kubernetes.protobuf`, the mirror of decode.ts. Absent fields are not written; Go
 * writes zeros for plain fields, which reads the same.
 */
type Writer = protobuf.Writer;
type Json = Readonly<Record<string, unknown>>;

const key = (w: Writer, number: number, wire: number): Writer => w.uint32((number << 3) | wire);

function nested(w: Writer, number: number, write: () => void): void {
  key(w, number, WIRE.bytes).fork();
  write();
  w.ldelim();
}

function writeInstant(w: Writer, text: string): void {
  const t = parseTime(text);
  if (!t) throw new TypeError(`"${text}" is no RFC 3339 time`);
  key(w, 1, WIRE.varint).int64(t.seconds);
  key(w, 2, WIRE.varint).int32(t.nanos);
}

function writeIntOrString(w: Writer, value: unknown): void {
  const isText = typeof value === 'string';
  key(w, 1, WIRE.varint).int64(isText ? 1 : 0);
  key(w, 2, WIRE.varint).int32(isText ? 0 : (value as number));
  key(w, 3, WIRE.bytes).string(isText ? value : '');
}

/** The content of a type that is a message of its own. */
function writeMessage(w: Writer, schema: Resolved, value: unknown): void {
  switch (schema.kind) {
    case 'object':
      writeFields(w, schema, value as Json);
      return;
    case 'time':
    case 'microTime':
      writeInstant(w, value as string);
      return;
    case 'intOrString':
      writeIntOrString(w, value);
      return;
    case 'quantity':
      key(w, 1, WIRE.bytes).string(String(value));
      return;
    case 'duration':
      key(w, 1, WIRE.varint).int64(parseDuration(value as string) ?? 0);
      return;
    case 'array':
      // A named slice type (authentication's ExtraValue): a message whose field 1 repeats.
      for (const item of value as unknown[]) writeValue(w, 1, resolveLazy(schema.items), item);
      return;
    default:
      key(w, 1, WIRE.bytes).bytes(Buffer.from(JSON.stringify(value)));
  }
}

function writeValue(w: Writer, number: number, schema: Resolved, value: unknown): void {
  switch (schema.kind) {
    case 'string':
      key(w, number, WIRE.bytes).string(value as string);
      return;
    case 'bytes':
      key(w, number, WIRE.bytes).bytes(Buffer.from(value as string, 'base64'));
      return;
    case 'bool':
      key(w, number, WIRE.varint).bool(value as boolean);
      return;
    case 'int32':
      key(w, number, WIRE.varint).int32(value as number);
      return;
    case 'int64':
      key(w, number, WIRE.varint).int64(value as number);
      return;
    case 'double':
      key(w, number, WIRE.fixed64).double(value as number);
      return;
    default:
      nested(w, number, () => writeMessage(w, schema, value));
  }
}

function writeMap(w: Writer, number: number, values: Resolved, map: Json): void {
  // Sorted, as Go does it: equal objects have equal bytes.
  for (const k of Object.keys(map).sort()) {
    nested(w, number, () => {
      key(w, 1, WIRE.bytes).string(k);
      writeValue(w, 2, values, map[k]);
    });
  }
}

/** Fields of an inline struct lie in the parent's JSON; its message is written when any of them is there. */
const hasAnyField = (schema: ObjectSchema, o: Json): boolean => {
  for (const { name, field, schema: s } of wireFields(schema).values()) {
    if (field.inline ? s.kind === 'object' && hasAnyField(s, o) : o[name] !== undefined) return true;
  }
  return false;
};

function writeField(w: Writer, number: number, { name, field, schema }: WireField, o: Json): void {
  if (field.inline) {
    if (schema.kind === 'object' && hasAnyField(schema, o)) nested(w, number, () => writeFields(w, schema, o));
    return;
  }
  const value = o[name];
  if (value === undefined || value === null) return;
  if (schema.kind === 'array') {
    const items = resolveLazy(schema.items);
    for (const item of value as unknown[]) writeValue(w, number, items, item);
  } else if (schema.kind === 'map') writeMap(w, number, resolveLazy(schema.values), value as Json);
  else writeValue(w, number, schema, value);
}

function writeFields(w: Writer, schema: ObjectSchema, o: Json): void {
  for (const [number, field] of wireFields(schema)) writeField(w, number, field, o);
}

/** The fields of one object that fits its schema, without envelope. @throws TypeError when a time in it is none */
export function encodeMessage(schema: ObjectSchema, object: object): Buffer {
  const w = protobuf.Writer.create();
  writeFields(w, schema, object as Json);
  return Buffer.from(w.finish());
}

/** What comes before a message of `length` bytes in field `number`. */
const lead = (number: number, length: number): Uint8Array =>
  key(protobuf.Writer.create(), number, WIRE.bytes).uint32(length).finish();

/** Fields 3 and 4, contentEncoding and contentType: empty. */
const ENVELOPE_END = Buffer.from([0x1a, 0, 0x22, 0]);

/** Puts a message, given in parts, into the envelope that names its type. */
export function envelope(apiVersion: string, kind: string, parts: readonly Uint8Array[]): Buffer {
  const type = protobuf.Writer.create();
  nested(type, 1, () => {
    key(type, 1, WIRE.bytes).string(apiVersion);
    key(type, 2, WIRE.bytes).string(kind);
  });
  const length = parts.reduce((sum, p) => sum + p.length, 0);
  return Buffer.concat([MAGIC, type.finish(), lead(2, length), ...parts, ENVELOPE_END]);
}

/** One object with apiVersion and kind in it, as a body. @throws TypeError as encodeMessage */
export function encodeProtobuf(schema: ObjectSchema, object: { apiVersion?: string; kind?: string }): Buffer {
  return envelope(object.apiVersion ?? '', object.kind ?? '', [encodeMessage(schema, object)]);
}

/** What a list answer holds; `kind` is that of the list. */
export interface ListToEncode {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ListMeta;
  /** Encoded by encodeMessage. */
  readonly items: readonly Uint8Array[];
}

/** A list: 1 ListMeta, 2 the items, which are copied once, into the body. */
export function encodeProtobufList({ apiVersion, kind, metadata, items }: ListToEncode): Buffer {
  const meta = encodeMessage(ListMeta, metadata);
  const parts: Uint8Array[] = [lead(1, meta.length), meta];
  for (const item of items) parts.push(lead(2, item.length), item);
  return envelope(apiVersion, kind, parts);
}

/** A frame of a watch: its length in 4 bytes, big endian, then a WatchEvent {1 type, 2 RawExtension {1 the body}}. */
export function encodeProtobufFrame(type: string, body: Uint8Array): Buffer {
  const inner = lead(1, body.length);
  const outer = lead(2, inner.length + body.length);
  const head = key(protobuf.Writer.create(), 1, WIRE.bytes).string(type).finish();
  const length = Buffer.alloc(4);
  length.writeUInt32BE(head.length + outer.length + inner.length + body.length);
  return Buffer.concat([length, head, outer, inner, body]);
}
