import { apiVersionOf, type Kind, type Verb } from '#api/kind.ts';
import { versionInfo } from '#process/version.ts';
import { Definitions, type Dialect, V2, V3 } from './definitions.ts';

type Json = Record<string, unknown>;

const QUERY: Record<string, string> = {
  pretty: 'string',
  dryRun: 'string',
  fieldManager: 'string',
  fieldValidation: 'string',
  labelSelector: 'string',
  fieldSelector: 'string',
  limit: 'integer',
  continue: 'string',
  resourceVersion: 'string',
  watch: 'boolean',
  timeoutSeconds: 'integer',
  force: 'boolean',
};
const WRITE = ['pretty', 'dryRun', 'fieldManager', 'fieldValidation'];
const LIST = ['labelSelector', 'fieldSelector', 'limit', 'continue', 'resourceVersion', 'watch', 'timeoutSeconds'];
const PATCHES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

const BODIES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
/** What custom resources do without. */
const NOT_CUSTOM = ['application/strategic-merge-patch+json', 'application/vnd.kubernetes.protobuf'];

const METHODS: Partial<
  Record<Verb, { method: string; action: string; query: readonly string[]; onCollection: boolean }>
> = {
  get: { method: 'get', action: 'get', query: ['pretty', 'resourceVersion'], onCollection: false },
  list: { method: 'get', action: 'list', query: LIST, onCollection: true },
  create: { method: 'post', action: 'post', query: WRITE, onCollection: true },
  update: { method: 'put', action: 'put', query: WRITE, onCollection: false },
  patch: { method: 'patch', action: 'patch', query: [...WRITE, 'force'], onCollection: false },
  delete: { method: 'delete', action: 'delete', query: ['pretty', 'dryRun'], onCollection: false },
  deletecollection: { method: 'delete', action: 'deletecollection', query: ['dryRun', ...LIST], onCollection: true },
};

const parameter = (dialect: Dialect, name: string, where: string, type: string): Json => ({
  name,
  in: where,
  ...(where === 'path' ? { required: true } : {}),
  ...(dialect.v3 ? { schema: { type } } : { type }),
});

const answer = (dialect: Dialect, name: string): Json => {
  const schema = { $ref: dialect.refPrefix + name };
  return {
    '200': { description: 'OK', ...(dialect.v3 ? { content: { 'application/json': { schema } } } : { schema }) },
  };
};

function operation(kind: Kind, verb: Verb, names: { object: string; list: string }, dialect: Dialect): Json {
  const how = METHODS[verb];
  if (!how) return {};
  const parameters = how.query.map((q) => parameter(dialect, q, 'query', QUERY[q] ?? 'string'));
  const op: Json = {
    operationId: `${how.action}${kind.group.replace(/[^a-z]/g, '')}${kind.version}${kind.namespaced ? 'Namespaced' : ''}${kind.kind}`,
    parameters,
    responses: answer(dialect, verb === 'list' ? names.list : names.object),
    'x-kubernetes-action': how.action,
    'x-kubernetes-group-version-kind': { group: kind.group, kind: kind.kind, version: kind.version },
  };
  const types = (verb === 'patch' ? PATCHES : BODIES).filter((t) => !kind.custom || !NOT_CUSTOM.includes(t));
  if (verb === 'create' || verb === 'update' || verb === 'patch') {
    const schema = { $ref: dialect.refPrefix + names.object };
    if (dialect.v3) op.requestBody = { required: true, content: Object.fromEntries(types.map((t) => [t, { schema }])) };
    else {
      parameters.push({ name: 'body', in: 'body', required: true, schema });
      op.consumes = types;
    }
  }
  return op;
}

function pathsOf(kind: Kind, names: { object: string; list: string }, dialect: Dialect): Json {
  const root = kind.group ? `/apis/${apiVersionOf(kind)}` : `/api/${kind.version}`;
  const collection = `${root}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}`;
  const scope = kind.namespaced ? [parameter(dialect, 'namespace', 'path', 'string')] : [];
  const onCollection: Json = { parameters: scope };
  const onObject: Json = { parameters: [...scope, parameter(dialect, 'name', 'path', 'string')] };
  for (const verb of kind.verbs) {
    const how = METHODS[verb];
    if (how) (how.onCollection ? onCollection : onObject)[how.method] = operation(kind, verb, names, dialect);
  }
  const paths: Json = { [collection]: onCollection };
  if (kind.verbs.includes('get')) paths[`${collection}/{name}`] = onObject;
  return paths;
}

const INFO = { title: 'Kubernetes', version: versionInfo.gitVersion };

/** OpenAPI v3 document of one group and version. */
export function openApiV3(kinds: readonly Kind[]): Json {
  const definitions = new Definitions(V3);
  const paths: Json = {};
  for (const k of kinds) Object.assign(paths, pathsOf(k, definitions.addKind(k), V3));
  return { openapi: '3.0.0', info: INFO, paths, components: { schemas: definitions.all } };
}

/** OpenAPI v2 document of everything. */
export function openApiV2(kinds: readonly Kind[]): Json & { paths: Json; definitions: Json } {
  const definitions = new Definitions(V2);
  const paths: Json = {};
  for (const k of kinds) Object.assign(paths, pathsOf(k, definitions.addKind(k), V2));
  return { swagger: '2.0', info: INFO, paths, definitions: definitions.all };
}
