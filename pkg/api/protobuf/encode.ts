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

function envelope(apiVersion: string, kind: string, write: (w: Writer) => void): Buffer {
  const w = protobuf.Writer.create();
  nested(w, 1, () => {
    key(w, 1, WIRE.bytes).string(apiVersion);
    key(w, 2, WIRE.bytes).string(kind);
  });
  nested(w, 2, () => write(w));
  key(w, 3, WIRE.bytes).string('');
  key(w, 4, WIRE.bytes).string('');
  return Buffer.concat([MAGIC, w.finish()]);
}

/**
 * One object that fits its schema, with apiVersion and kind in it.
 * @throws TypeError when a time in it is none
 */
export function encodeProtobuf(schema: ObjectSchema, object: { apiVersion?: string; kind?: string }): Buffer {
  return envelope(object.apiVersion ?? '', object.kind ?? '', (w) => writeFields(w, schema, object as Json));
}

/** What a list answer holds; `kind` is that of the list. */
export interface ListToEncode {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ListMeta;
  readonly items: readonly object[];
}

/** A list: 1 ListMeta, 2 the items. `schema` is that of an item. @throws TypeError as encodeProtobuf */
export function encodeProtobufList(schema: ObjectSchema, list: ListToEncode): Buffer {
  return envelope(list.apiVersion, list.kind, (w) => {
    nested(w, 1, () => writeFields(w, ListMeta, list.metadata as Json));
    for (const item of list.items) nested(w, 2, () => writeFields(w, schema, item as Json));
  });
}
