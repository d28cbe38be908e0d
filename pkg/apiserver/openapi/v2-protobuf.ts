import protobuf from 'protobufjs/minimal.js';

/**
 * The binary form of an OpenAPI v2 document that kubectl up to 1.27 insists on
 * (`application/com.github.proto-openapi.spec.v2@v1.0+protobuf`, gnostic's OpenAPIv2.proto). Only what clients read of it
 * is written: the definitions; paths are left empty, since clients look those up in version 3.
 */
type Json = Record<string, unknown>;
type Writer = protobuf.Writer;

const DOCUMENT = { swagger: 1, info: 2, paths: 8, definitions: 9 };
const SCHEMA = {
  ref: 1,
  format: 2,
  description: 4,
  default: 5,
  required: 19,
  enum: 20,
  additionalProperties: 21,
  type: 22,
  items: 23,
  properties: 25,
  vendorExtension: 31,
};
const LENGTH_DELIMITED = 2;

const tag = (w: Writer, field: number): Writer => w.uint32((field << 3) | LENGTH_DELIMITED);

function nested(w: Writer, field: number, write: (inner: Writer) => void): void {
  tag(w, field).fork();
  write(w);
  w.ldelim();
}

const text = (w: Writer, field: number, value: unknown): void => {
  if (typeof value === 'string' && value !== '') tag(w, field).string(value);
};

/** gnostic's Any: a value as YAML text, of which JSON is a part. */
const any = (w: Writer, field: number, value: unknown): void =>
  nested(w, field, () => text(w, 2, JSON.stringify(value)));

const named = (w: Writer, field: number, name: string, write: () => void): void =>
  nested(w, field, () => {
    text(w, 1, name);
    nested(w, 2, write);
  });

function writeSchema(w: Writer, s: Json): void {
  text(w, SCHEMA.ref, s.$ref);
  text(w, SCHEMA.format, s.format);
  text(w, SCHEMA.description, s.description);
  if (s.default !== undefined) any(w, SCHEMA.default, s.default);
  for (const r of (s.required as string[] | undefined) ?? []) text(w, SCHEMA.required, r);
  for (const e of (s.enum as unknown[] | undefined) ?? []) any(w, SCHEMA.enum, e);
  const { additionalProperties, items, properties } = s as Record<string, Json | undefined>;
  if (additionalProperties)
    nested(w, SCHEMA.additionalProperties, () => nested(w, 1, () => writeSchema(w, additionalProperties)));
  if (s.type) nested(w, SCHEMA.type, () => text(w, 1, s.type));
  if (items) nested(w, SCHEMA.items, () => nested(w, 1, () => writeSchema(w, items)));
  if (properties) nested(w, SCHEMA.properties, () => writeNamed(w, properties));
  for (const [k, v] of Object.entries(s)) {
    if (k.startsWith('x-')) {
      nested(w, SCHEMA.vendorExtension, () => {
        text(w, 1, k);
        any(w, 2, v);
      });
    }
  }
}

function writeNamed(w: Writer, schemas: Json): void {
  for (const [name, s] of Object.entries(schemas)) named(w, 1, name, () => writeSchema(w, s as Json));
}

/** Encodes the document `openApiV2` built. */
export function encodeOpenApiV2(document: Json): Buffer {
  const w = protobuf.Writer.create();
  const { title, version } = document.info as { title: string; version: string };
  text(w, DOCUMENT.swagger, document.swagger);
  nested(w, DOCUMENT.info, () => {
    text(w, 1, title);
    text(w, 2, version);
  });
  nested(w, DOCUMENT.paths, () => {});
  nested(w, DOCUMENT.definitions, () => writeNamed(w, document.definitions as Json));
  return Buffer.from(w.finish());
}
