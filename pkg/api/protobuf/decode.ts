import protobuf from 'protobufjs/minimal.js';
import { formatDuration } from '../meta/duration.ts';
import { errors, StatusError } from '../meta/errors.ts';
import { formatTime } from '../meta/time.ts';
import { zeroOf } from '../schema/decode.ts';
import { setOwn } from '../schema/own.ts';
import { type AnyField, type ObjectSchema, resolveLazy } from '../schema/schema.ts';
import { MAGIC, type Resolved, WIRE, type WireField, wireFields } from './wire.ts';

/**
 * `application/vnd.kubernetes.protobuf`: the bytes "k8s\0", then runtime.Unknown — 1 TypeMeta {1 apiVersion, 2 kind},
 * 2 the object — whose fields are numbered in our schemas.
 */
type Reader = protobuf.Reader;
type Json = Record<string, unknown>;

export interface ProtobufObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly object: unknown;
}

/** Calls `field` for each field of the message that ends at `end`; what it does not consume is skipped. */
function eachField(reader: Reader, end: number, field: (number: number, wire: number) => boolean): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (!field(tag >>> 3, tag & 7)) reader.skipType(tag & 7);
  }
}

/** protobufjs returns a Long where that package is installed; integers beyond 2^53 lose precision, as in JSON. */
const int64 = (r: Reader): number => {
  const value = r.int64() as unknown as number | { toNumber(): number };
  return typeof value === 'number' ? value : value.toNumber();
};

function message<T>(reader: Reader, read: (end: number) => T): T {
  const end = reader.uint32() + reader.pos;
  const value = read(end);
  reader.pos = end;
  return value;
}

function readTime(reader: Reader, end: number, micro: boolean): string | undefined {
  let seconds = 0;
  let nanos = 0;
  let any = false;
  eachField(reader, end, (n) => {
    any = true;
    if (n === 1) seconds = int64(reader);
    else if (n === 2) nanos = reader.int32();
    else return false;
    return true;
  });
  // An empty message is Go's zero time, which JSON writes as null.
  if (!any) return undefined;
  return formatTime({ seconds, nanos }, micro);
}

function readIntOrString(reader: Reader, end: number): number | string {
  let type = 0;
  let int = 0;
  let text = '';
  eachField(reader, end, (n) => {
    if (n === 1) type = int64(reader);
    else if (n === 2) int = reader.int32();
    else if (n === 3) text = reader.string();
    else return false;
    return true;
  });
  return type === 0 ? int : text;
}

function readBytesField(reader: Reader, end: number, number: number): Buffer {
  let bytes: Uint8Array = Buffer.alloc(0);
  eachField(reader, end, (n, wire) => {
    if (n !== number || wire !== WIRE.bytes) return false;
    bytes = reader.bytes();
    return true;
  });
  return Buffer.from(bytes);
}

function readScalar(reader: Reader, kind: string): unknown {
  switch (kind) {
    case 'string':
      return reader.string();
    case 'bytes':
      return Buffer.from(reader.bytes()).toString('base64');
    case 'bool':
      return reader.bool();
    case 'int32':
      return reader.int32();
    case 'int64':
      return int64(reader);
    default:
      return reader.double();
  }
}

function readValue(reader: Reader, schema: Resolved): unknown {
  switch (schema.kind) {
    case 'object':
      return message(reader, (end) => readObject(reader, end, schema));
    case 'time':
    case 'microTime':
      return message(reader, (end) => readTime(reader, end, schema.kind === 'microTime'));
    case 'intOrString':
      return message(reader, (end) => readIntOrString(reader, end));
    case 'quantity':
      return message(reader, (end) => readBytesField(reader, end, 1).toString() || '0');
    case 'raw':
    case 'fieldsV1':
      return message(reader, (end) => {
        const text = readBytesField(reader, end, 1).toString();
        return text ? JSON.parse(text) : undefined;
      });
    case 'duration':
      return message(reader, (end) => {
        let ns = 0;
        eachField(reader, end, (n) => {
          if (n !== 1) return false;
          ns = int64(reader);
          return true;
        });
        return formatDuration(ns);
      });
    default:
      return readScalar(reader, schema.kind);
  }
}

function readMapEntry(reader: Reader, values: Resolved, into: Json): void {
  message(reader, (end) => {
    let key = '';
    let value: unknown;
    eachField(reader, end, (n) => {
      if (n === 1) key = reader.string();
      else if (n === 2)
        value =
          values.kind === 'array'
            ? message(reader, (e) => readList(reader, e, resolveLazy(values.items)))
            : readValue(reader, values);
      else return false;
      return true;
    });
    setOwn(into, key, value ?? zeroOf(values));
  });
}

/** A named slice type (authentication's ExtraValue): a message whose field 1 repeats. */
function readList(reader: Reader, end: number, items: Resolved): unknown[] {
  const list: unknown[] = [];
  eachField(reader, end, (n) => {
    if (n !== 1) return false;
    list.push(readValue(reader, items));
    return true;
  });
  return list;
}

/**
 * Go writes plain fields even when zero; JSON leaves them out unless they are always written. Types that are messages
 * (0 as an IntOrString, for one) are never "empty" to Go's `omitempty`.
 */
function isDropped(field: AnyField, schema: Resolved, value: unknown): boolean {
  if (value === undefined) return true;
  if (field.required || field.ptr || MESSAGES.has(schema.kind)) return false;
  return value === '' || value === 0 || value === false;
}
const MESSAGES: ReadonlySet<string> = new Set(['object', 'intOrString', 'quantity', 'duration', 'time', 'microTime']);

function readField(reader: Reader, { name, field, schema }: WireField, wire: number, out: Json): void {
  if (schema.kind === 'array') {
    const items = resolveLazy(schema.items);
    const list = (out[name] as unknown[] | undefined) ?? [];
    out[name] = list;
    const packed = wire === WIRE.bytes && (items.kind === 'int32' || items.kind === 'int64' || items.kind === 'bool');
    if (packed)
      message(reader, (end) => {
        while (reader.pos < end) list.push(readScalar(reader, items.kind));
      });
    else list.push(readValue(reader, items));
    return;
  }
  if (schema.kind === 'map') {
    const map = (out[name] as Json | undefined) ?? {};
    out[name] = map;
    readMapEntry(reader, resolveLazy(schema.values), map);
    return;
  }
  const value = readValue(reader, schema);
  if (field.inline) Object.assign(out, value);
  else if (!isDropped(field, schema, value)) out[name] = value;
}

function readObject(reader: Reader, end: number, schema: ObjectSchema): Json {
  const table = wireFields(schema);
  const out: Json = {};
  eachField(reader, end, (n, wire) => {
    const found = table.get(n);
    if (!found) return false;
    readField(reader, found, wire, out);
    return true;
  });
  return out;
}

/** The fields of one object, without envelope: the mirror of encodeMessage. @throws RangeError when the bytes are none */
export function decodeMessage(schema: ObjectSchema, bytes: Uint8Array): Json {
  const reader = protobuf.Reader.create(bytes);
  return readObject(reader, reader.len, schema);
}

/**
 * Decodes a body. `schemaOf` finds the schema of the type it names.
 * @throws StatusError 400 when the bytes are not such a message or the type is not known
 */
export function decodeProtobuf(
  schemaOf: (type: { apiVersion: string; kind: string }) => ObjectSchema | undefined,
  body: Buffer,
): ProtobufObject {
  if (!body.subarray(0, 4).equals(MAGIC))
    throw errors.badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  try {
    const reader = protobuf.Reader.create(body.subarray(4));
    let apiVersion = '';
    let kind = '';
    let raw: Uint8Array = Buffer.alloc(0);
    eachField(reader, reader.len, (n) => {
      if (n === 1) {
        message(reader, (end) =>
          eachField(reader, end, (m) => {
            if (m === 1) apiVersion = reader.string();
            else if (m === 2) kind = reader.string();
            else return false;
            return true;
          }),
        );
      } else if (n === 2) raw = reader.bytes();
      else return false;
      return true;
    });
    const schema = schemaOf({ apiVersion, kind });
    if (!schema) throw errors.badRequest(`no kind "${kind}" is registered for version "${apiVersion}"`);
    return { apiVersion, kind, object: decodeMessage(schema, raw) };
  } catch (e) {
    if (e instanceof StatusError) throw e;
    throw errors.badRequest(`unable to decode the protobuf message: ${e instanceof Error ? e.message : String(e)}`);
  }
}
