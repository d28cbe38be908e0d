import {
  any,
  double,
  encode,
  flag,
  integer,
  mapOf,
  message,
  named,
  nested,
  type Put,
  repeated,
  type Shape,
  scalarOf,
  text,
} from './gnostic.ts';

/**
 * The binary form of OpenAPI v3 documents (gnostic's OpenAPIv3.proto), for clients that ask for
 * `application/com.github.proto-openapi.spec.v3@v1.0+protobuf`. Properties that documents of Kubernetes never have
 * (servers, callbacks, security, ...) are left out.
 */
const REFERENCE: Shape = { fields: { $ref: [1, text], summary: [2, text], description: [3, text] } };

/** gnostic's "…OrReference": the thing itself is field 1, a reference field 2. */
const orReference =
  (put: Put): Put =>
  (w, field, value) => {
    const reference = typeof value === 'object' && value !== null && '$ref' in value;
    nested(w, field, () => (reference ? message(() => REFERENCE)(w, 2, value) : put(w, 1, value)));
  };

const schema: Put = message(() => SCHEMA);
const schemaOrReference: Put = orReference(schema);
const items: Put = (w, field, value) => nested(w, field, () => schemaOrReference(w, 1, value));
const allOrNone = scalarOf({ boolean: 2 });
const additionalProperties: Put = (w, field, value) => {
  if (typeof value === 'boolean') allOrNone(w, field, value);
  else nested(w, field, () => schemaOrReference(w, 1, value));
};

const SCHEMA: Shape = {
  fields: {
    nullable: [1, flag],
    externalDocs: [6, message(() => ({ fields: { description: [1, text], url: [2, text] } }))],
    example: [7, any],
    title: [9, text],
    multipleOf: [10, double],
    maximum: [11, double],
    exclusiveMaximum: [12, flag],
    minimum: [13, double],
    exclusiveMinimum: [14, flag],
    maxLength: [15, integer],
    minLength: [16, integer],
    pattern: [17, text],
    maxItems: [18, integer],
    minItems: [19, integer],
    uniqueItems: [20, flag],
    maxProperties: [21, integer],
    minProperties: [22, integer],
    required: [23, repeated(text)],
    enum: [24, repeated(any)],
    type: [25, text],
    allOf: [26, repeated(schemaOrReference)],
    oneOf: [27, repeated(schemaOrReference)],
    anyOf: [28, repeated(schemaOrReference)],
    not: [29, schema],
    items: [30, items],
    properties: [31, mapOf(schemaOrReference)],
    additionalProperties: [32, additionalProperties],
    // Only scalars have a place there: the empty objects that stand for "the default of what is referred to" have none.
    default: [33, scalarOf({ number: 1, boolean: 2, string: 3 })],
    description: [34, text],
    format: [35, text],
  },
  extensions: 36,
};

const content = mapOf(message(() => ({ fields: { schema: [1, schemaOrReference] }, extensions: 5 })));
const parameter = message(() => ({
  fields: {
    name: [1, text],
    in: [2, text],
    description: [3, text],
    required: [4, flag],
    schema: [10, schemaOrReference],
  },
  extensions: 14,
}));
const requestBody = message(() => ({
  fields: { description: [1, text], content: [2, content], required: [3, flag] },
  extensions: 4,
}));
const response = message(() => ({ fields: { description: [1, text], content: [3, content] }, extensions: 5 }));

const responses: Put = (w, field, value) =>
  nested(w, field, () => {
    for (const [code, r] of Object.entries(value as object)) {
      if (code === 'default') orReference(response)(w, 1, r);
      else named(w, 2, [code, r], orReference(response));
    }
  });

const OPERATION: Shape = {
  fields: {
    tags: [1, repeated(text)],
    summary: [2, text],
    description: [3, text],
    operationId: [5, text],
    parameters: [6, repeated(orReference(parameter))],
    requestBody: [7, orReference(requestBody)],
    responses: [8, responses],
    deprecated: [10, flag],
  },
  extensions: 13,
};
const operation = message(() => OPERATION);

const pathItem = message(() => ({
  fields: {
    description: [3, text],
    get: [4, operation],
    put: [5, operation],
    post: [6, operation],
    delete: [7, operation],
    options: [8, operation],
    head: [9, operation],
    patch: [10, operation],
    parameters: [13, repeated(orReference(parameter))],
  },
  extensions: 14,
}));

const DOCUMENT: Shape = {
  fields: {
    openapi: [1, text],
    info: [2, message(() => ({ fields: { title: [1, text], description: [2, text], version: [6, text] } }))],
    paths: [4, mapOf(pathItem)],
    components: [5, message(() => ({ fields: { schemas: [1, mapOf(schemaOrReference)] } }))],
  },
  extensions: 9,
};

/** Encodes a document that `openApiV3` built. */
export const encodeOpenApiV3 = (document: object): Buffer => encode(DOCUMENT, document);
