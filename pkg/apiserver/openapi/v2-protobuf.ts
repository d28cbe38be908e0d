import { any, encode, mapOf, message, nested, type Put, repeated, type Shape, text } from './gnostic.ts';

/**
 * The binary form of an OpenAPI v2 document that kubectl up to 1.27 insists on
 * (`application/com.github.proto-openapi.spec.v2@v1.0+protobuf`, gnostic's OpenAPIv2.proto). Only what clients read of it
 * is written: the definitions; paths are left empty, since clients look those up in version 3.
 */
const schema: Put = message(() => SCHEMA);
/** Messages that hold a list of one, or a union of which only this is used. */
const only =
  (put: Put): Put =>
  (w, field, value) =>
    nested(w, field, () => put(w, 1, value));

const SCHEMA: Shape = {
  fields: {
    $ref: [1, text],
    format: [2, text],
    description: [4, text],
    default: [5, any],
    required: [19, repeated(text)],
    enum: [20, repeated(any)],
    additionalProperties: [21, (w, field, value) => typeof value === 'object' && only(schema)(w, field, value)],
    type: [22, only(text)],
    items: [23, only(schema)],
    properties: [25, mapOf(schema)],
  },
  extensions: 31,
};

const DOCUMENT: Shape = {
  fields: {
    swagger: [1, text],
    info: [2, message(() => ({ fields: { title: [1, text], version: [2, text] } }))],
    paths: [8, (w, field) => nested(w, field, () => {})],
    definitions: [9, mapOf(schema)],
  },
};

/** Encodes the document `openApiV2` built. */
export const encodeOpenApiV2 = (document: object): Buffer => encode(DOCUMENT, document);
