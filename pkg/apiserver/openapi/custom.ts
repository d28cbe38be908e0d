import type { JSONSchemaProps } from '#api/kinds/index.ts';

type Json = Record<string, unknown>;

/** Keywords version 2 does not have. */
const V3_ONLY = ['nullable', 'oneOf', 'anyOf', 'allOf', 'not', 'x-kubernetes-validations'];

/** Version 2 knows no unions: what it cannot say it leaves open. */
function forV2(s: JSONSchemaProps): Json {
  const out: Json = Object.fromEntries(Object.entries(s).filter(([k]) => !V3_ONLY.includes(k)));
  if (s['x-kubernetes-int-or-string']) return { ...out, type: 'string', format: 'int-or-string' };
  // An object that keeps what it does not know is described by nobody.
  if (s['x-kubernetes-preserve-unknown-fields']) {
    delete out.properties;
    delete out.items;
    return out;
  }
  if (s.properties) out.properties = Object.fromEntries(Object.entries(s.properties).map(([k, p]) => [k, forV2(p)]));
  if (s.items && !Array.isArray(s.items)) out.items = forV2(s.items);
  if (typeof s.additionalProperties === 'object') out.additionalProperties = forV2(s.additionalProperties);
  return out;
}

/** The definition of a custom resource: its structural schema, with the metadata every object has. */
export function customDefinition(schema: JSONSchemaProps, metadata: Json, v3: boolean): Json {
  const own = v3 ? (schema as Json) : forV2(schema);
  return {
    ...own,
    type: 'object',
    properties: {
      ...(own.properties as Json | undefined),
      apiVersion: { type: 'string', description: 'Versioned schema of this representation, "group/version".' },
      kind: { type: 'string', description: 'The kind of this object.' },
      metadata,
    },
  };
}
