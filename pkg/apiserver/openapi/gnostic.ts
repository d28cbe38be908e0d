import protobuf from 'protobufjs/minimal.js';

/** How gnostic's messages of OpenAPI documents are written: what its schemas for versions 2 and 3 have in common. */
export type Writer = protobuf.Writer;

/** Writes a value as one field; nothing when there is none. */
export type Put = (w: Writer, field: number, value: unknown) => void;

const WIRE = { varint: 0, fixed64: 1, delimited: 2 };

const tag = (w: Writer, field: number, wire: number): Writer => w.uint32((field << 3) | wire);

export function nested(w: Writer, field: number, write: () => void): void {
  tag(w, field, WIRE.delimited).fork();
  write();
  w.ldelim();
}

/** Proto3 says nothing of empty values. */
export const text: Put = (w, field, value) => {
  if (typeof value === 'string' && value !== '') tag(w, field, WIRE.delimited).string(value);
};
export const flag: Put = (w, field, value) => {
  if (value === true) tag(w, field, WIRE.varint).bool(true);
};
export const integer: Put = (w, field, value) => {
  if (typeof value === 'number' && value !== 0) tag(w, field, WIRE.varint).int64(value);
};
export const double: Put = (w, field, value) => {
  if (typeof value === 'number' && value !== 0) tag(w, field, WIRE.fixed64).double(value);
};

/** One of a union, where what is empty counts as well: scalars of these types; nothing for others. */
export const scalarOf =
  (fields: { number?: number; boolean?: number; string?: number }): Put =>
  (w, field, value) => {
    const { number, boolean, string } = fields;
    if (typeof value === 'number' && number) nested(w, field, () => tag(w, number, WIRE.fixed64).double(value));
    if (typeof value === 'boolean' && boolean) nested(w, field, () => tag(w, boolean, WIRE.varint).bool(value));
    if (typeof value === 'string' && string) nested(w, field, () => tag(w, string, WIRE.delimited).string(value));
  };

/** gnostic's Any: a value as YAML text, of which JSON is a part. */
export const any: Put = (w, field, value) => {
  if (value !== undefined) nested(w, field, () => text(w, 2, JSON.stringify(value)));
};

export const repeated =
  (put: Put): Put =>
  (w, field, value) => {
    for (const v of (value as readonly unknown[] | undefined) ?? []) put(w, field, v);
  };

/** One entry of a map. */
export function named(w: Writer, field: number, [name, value]: readonly [string, unknown], put: Put): void {
  nested(w, field, () => {
    text(w, 1, name);
    put(w, 2, value);
  });
}

/** A message that is nothing but a map. */
export const mapOf =
  (put: Put): Put =>
  (w, field, value) => {
    if (typeof value !== 'object' || value === null) return;
    nested(w, field, () => {
      for (const entry of Object.entries(value)) named(w, 1, entry, put);
    });
  };

/** Which field each property of a message is; `extensions` is that of what begins with "x-". */
export interface Shape {
  readonly fields: Readonly<Record<string, readonly [number, Put]>>;
  readonly extensions?: number;
}

function writeFields(w: Writer, { fields, extensions }: Shape, value: object): void {
  const properties = value as Readonly<Record<string, unknown>>;
  for (const [k, [field, put]] of Object.entries(fields)) if (properties[k] !== undefined) put(w, field, properties[k]);
  if (extensions === undefined) return;
  for (const entry of Object.entries(value)) if (entry[0].startsWith('x-')) named(w, extensions, entry, any);
}

/** @param shape asked for when writing: shapes contain one another. */
export const message =
  (shape: () => Shape): Put =>
  (w, field, value) => {
    if (typeof value === 'object' && value !== null) nested(w, field, () => writeFields(w, shape(), value));
  };

/** The bytes of a whole document. */
export function encode(shape: Shape, document: object): Buffer {
  const w = protobuf.Writer.create();
  writeFields(w, shape, document);
  return Buffer.from(w.finish());
}
