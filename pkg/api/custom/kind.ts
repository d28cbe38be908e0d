import { brokenRules, NO_PATH } from '../expressions/enforce.ts';
import { compileRules } from '../expressions/rules.ts';
import { apiVersionOf, type Column, defineKind, type Kind, type ScaleAccess } from '../kind.ts';
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from '../kinds/apiextensions/customresourcedefinition.ts';
import type { JSONSchemaProps } from '../kinds/apiextensions/jsonschema.ts';
import { ageColumn, nameColumn } from '../kinds/print/columns.ts';
import { ageSince } from '../kinds/print/duration.ts';
import { errors } from '../meta/errors.ts';
import { type FieldError, type FieldErrorType, invalid } from '../meta/fielderrors.ts';
import { type KubeObject, ObjectMeta } from '../meta/objectmeta.ts';
import { type Decoded, decodeObject } from '../schema/decode.ts';
import { f, objectsIn } from '../schema/schema.ts';
import { compilePath, plainPath, readPlain, writePlain } from './path.ts';
import { shapeOfCustom } from './shape.ts';
import { fillDefaults, isMap, pruned } from './structural.ts';
import { validateValue } from './validate.ts';

const ANYTHING: JSONSchemaProps = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
/** Errors after which rules could not be trusted: the value is not what they expect. */
const BLOCKING: ReadonlySet<FieldErrorType> = new Set([
  'FieldValueRequired',
  'FieldValueNotSupported',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);
const NOT_CHECKED =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
const MetaOnly = objectsIn('io.k8s.apimachinery.pkg.apis.meta.v1')('Object', 'An object of any kind.', {
  metadata: f(1, ObjectMeta, 'Standard object metadata.'),
});

const TYPES: Readonly<Record<string, Column<KubeObject>['type']>> = {
  integer: 'integer',
  number: 'number',
  boolean: 'boolean',
  date: 'date',
};

function columnOf(c: CustomResourceColumnDefinition): Column<KubeObject> {
  const read = compilePath(c.jsonPath);
  return {
    name: c.name,
    ...(Object.hasOwn(TYPES, c.type) ? { type: TYPES[c.type] } : {}),
    ...(c.format ? { format: c.format } : {}),
    description: c.description ?? `Custom resource definition column (in JSONPath format): ${c.jsonPath}`,
    priority: c.priority ?? 0,
    cell(o, now) {
      const values = read?.(o) ?? [];
      const [value] = values;
      if (value === undefined || value === null) return null;
      if (c.type === 'date') return ageSince(String(value), now);
      if (c.type === 'integer') return typeof value === 'number' ? Math.trunc(value) : null;
      if (c.type === 'number') return typeof value === 'number' ? value : null;
      if (c.type === 'boolean') return typeof value === 'boolean' ? value : null;
      return values.map((v) => (typeof v === 'object' ? JSON.stringify(v) : String(v))).join(',');
    },
  };
}

const columnsOf = (v: CustomResourceDefinitionVersion): Column<KubeObject>[] => {
  const own = v.additionalPrinterColumns ?? [];
  return own.length > 0 ? [nameColumn, ...own.map(columnOf)] : [nameColumn, ageColumn];
};

function scaleOf(v: CustomResourceDefinitionVersion): ScaleAccess<KubeObject> | undefined {
  const scale = v.subresources?.scale;
  if (!scale) return undefined;
  const wanted = plainPath(scale.specReplicasPath);
  const there = plainPath(scale.statusReplicasPath);
  const selector = plainPath(scale.labelSelectorPath ?? '');
  const count = (o: KubeObject, path: readonly string[]): number => Number(readPlain(o, path) ?? 0);
  return {
    get: (o) => ({
      replicas: count(o, wanted),
      statusReplicas: count(o, there),
      selector: selector.length > 0 ? String(readPlain(o, selector) ?? '') : '',
    }),
    set: (o, replicas) => writePlain(o, wanted, replicas),
  };
}

/** Metadata as every kind has it, the rest by the structural schema. @throws StatusError 400 */
function decodeWith(schema: JSONSchemaProps, kind: string) {
  return (json: unknown): Decoded => {
    if (!isMap(json)) throw errors.badRequest(`the object provided is unrecognized (must be of type ${kind})`);
    const unknownFields: string[] = [];
    const object = pruned(schema, json, '', unknownFields, true) as Record<string, unknown>;
    const meta = decodeObject(MetaOnly, { metadata: json.metadata ?? {} });
    object.metadata = (meta.object as KubeObject).metadata;
    return { object, unknownFields: [...unknownFields, ...meta.unknownFields] };
  };
}

/** "com.example.stable": how definitions of a group are named in OpenAPI. */
const packageOf = (group: string, version: string): string => `${group.split('.').reverse().join('.')}.${version}`;

/** One version of a CustomResourceDefinition as a kind like any other. */
export function customKind(crd: CustomResourceDefinition, v: CustomResourceDefinitionVersion): Kind | undefined {
  const { spec } = crd;
  const names = crd.status?.acceptedNames ?? spec?.names;
  if (!spec || !names) return undefined;
  const schema = v.schema?.openAPIV3Schema ?? ANYTHING;
  const scale = scaleOf(v);
  const rules = compileRules(schema);
  const validate = (o: KubeObject, old?: KubeObject): FieldError[] => {
    const found = validateShape(o, old);
    if (!rules) return found;
    if (found.some((e) => BLOCKING.has(e.type))) return [...found, invalid(NO_PATH, null, NOT_CHECKED)];
    const type = { apiVersion: apiVersionOf({ group: spec.group, version: v.name }), kind: names.kind };
    return [...found, ...brokenRules(rules, { ...o, ...type }, old && { ...old, ...type })];
  };
  const withoutHead = ({ metadata: _m, apiVersion: _a, kind: _k, ...rest }: KubeObject): object => rest;
  const validateShape = (o: KubeObject, old: KubeObject | undefined): FieldError[] => {
    const { metadata: _sm, apiVersion: _sa, kind: _sk, ...properties } = schema.properties ?? {};
    const wanted = schema.required?.filter((k) => !['metadata', 'apiVersion', 'kind'].includes(k));
    return validateValue(
      { ...schema, ...(schema.properties ? { properties } : {}), ...(wanted ? { required: wanted } : {}) },
      withoutHead(o),
      '',
      old && withoutHead(old),
    );
  };
  return defineKind<KubeObject>({
    group: spec.group,
    version: v.name,
    kind: names.kind,
    plural: names.plural,
    singular: names.singular || names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: spec.scope === 'Namespaced',
    hasStatus: v.subresources?.status !== undefined,
    hasGeneration: true,
    custom: true,
    needsVersion: true,
    statusKeepsMeta: true,
    ...(v.deprecated
      ? { deprecated: v.deprecationWarning ?? `${spec.group}/${v.name} ${names.kind} is deprecated` }
      : {}),
    schema: shapeOfCustom(packageOf(spec.group, v.name), names.kind, schema),
    openApi: schema,
    decode: decodeWith(schema, names.kind),
    defaults: (o) => fillDefaults(schema, o),
    prepareCreate: (o) => {
      if (v.subresources?.status) delete (o as { status?: unknown }).status;
    },
    validate,
    validateStatus: validate,
    fields: Object.fromEntries(
      (v.selectableFields ?? []).map(({ jsonPath }) => {
        const path = plainPath(jsonPath);
        return [path.join('.'), (o: KubeObject) => String(readPlain(o, path) ?? '')];
      }),
    ),
    columns: columnsOf(v),
    ...(scale ? { scale } : {}),
  });
}
