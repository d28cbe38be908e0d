import { defineKind, topLevel } from '../../kind.ts';
import { arr, bool, f, int32, int64, objectsIn, oneOf, req, str, type TypeOf, time } from '../../schema/schema.ts';
import { createdColumn, nameColumn } from '../print/columns.ts';
import { CustomResourceConversion } from './conversion.ts';
import { validateAcceptedNames, validateDefinition } from './crd-validation.ts';
import { JSONSchemaProps } from './jsonschema.ts';

const PKG = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';
const obj = objectsIn(PKG);

export const CustomResourceDefinitionNames = obj('CustomResourceDefinitionNames', 'Names of a kind.', {
  plural: req(1, str, 'Plural name; the last part of its paths.'),
  singular: f(2, str, 'Singular name; the kind in lower case by default.'),
  shortNames: f(3, arr(str), 'Short names.'),
  kind: req(4, str, 'The kind, in CamelCase.'),
  listKind: f(5, str, 'Kind of its lists; the kind with List by default.'),
  categories: f(6, arr(str), 'Groups of resources it belongs to, e.g. all.'),
});
export type CustomResourceDefinitionNames = TypeOf<typeof CustomResourceDefinitionNames>;

export const CustomResourceColumnDefinition = obj('CustomResourceColumnDefinition', 'A column of kubectl get.', {
  name: req(1, str, 'Its heading.'),
  type: req(2, str, 'Type of the values.'),
  format: f(3, str, 'Format of the values.'),
  description: f(4, str, 'What it shows.'),
  priority: f(5, int32, '0 for always, more for wide output only.'),
  jsonPath: req(6, str, 'Where the value is.'),
});
export type CustomResourceColumnDefinition = TypeOf<typeof CustomResourceColumnDefinition>;

export const SelectableField = obj('SelectableField', 'A field that field selectors can use.', {
  jsonPath: req(1, str, 'Where it is.'),
});
export type SelectableField = TypeOf<typeof SelectableField>;

export const CustomResourceSubresourceScale = obj(
  'CustomResourceSubresourceScale',
  'Where the numbers of the scale subresource are.',
  {
    specReplicasPath: req(1, str, 'Path of the wanted number.'),
    statusReplicasPath: req(2, str, 'Path of the observed number.'),
    labelSelectorPath: f(3, str, 'Path of the selector text.', { ptr: true }),
  },
);
export type CustomResourceSubresourceScale = TypeOf<typeof CustomResourceSubresourceScale>;

export const CustomResourceValidation = obj('CustomResourceValidation', 'What objects of a version look like.', {
  openAPIV3Schema: f(1, JSONSchemaProps, 'The schema.'),
});
export type CustomResourceValidation = TypeOf<typeof CustomResourceValidation>;

export const CustomResourceDefinitionCondition = obj(
  'CustomResourceDefinitionCondition',
  "One aspect of a definition's state.",
  {
    type: req(1, str, 'Which aspect.'),
    status: req(2, str, 'True, False or Unknown.'),
    lastTransitionTime: f(3, time, 'When the status last changed.'),
    reason: f(4, str, 'Short reason, in CamelCase.'),
    message: f(5, str, 'Explanation for people.'),
    observedGeneration: f(6, int64, 'Generation it was computed for.'),
  },
);
export type CustomResourceDefinitionCondition = TypeOf<typeof CustomResourceDefinitionCondition>;

export const CustomResourceSubresourceStatus = obj(
  'CustomResourceSubresourceStatus',
  'Turns the status subresource on.',
  {},
);

export const CustomResourceSubresources = obj('CustomResourceSubresources', 'Subresources of a version.', {
  status: f(1, CustomResourceSubresourceStatus, 'The status subresource.'),
  scale: f(2, CustomResourceSubresourceScale, 'The scale subresource.'),
});

export type CustomResourceSubresources = TypeOf<typeof CustomResourceSubresources>;

export const CustomResourceDefinitionVersion = obj('CustomResourceDefinitionVersion', 'One version of a kind.', {
  name: req(1, str, 'Name of the version, e.g. v1.'),
  served: req(2, bool, 'The server offers it.'),
  storage: req(3, bool, 'Objects are stored in it; true on exactly one.'),
  deprecated: f(7, bool, 'Its use is warned about.'),
  deprecationWarning: f(8, str, 'The warning.', { ptr: true }),
  schema: f(4, CustomResourceValidation, 'What its objects look like.'),
  subresources: f(5, CustomResourceSubresources, 'Its subresources.'),
  additionalPrinterColumns: f(6, arr(CustomResourceColumnDefinition), 'Columns of kubectl get.'),
  selectableFields: f(9, arr(SelectableField), 'Fields that field selectors can use.'),
});
export type CustomResourceDefinitionVersion = TypeOf<typeof CustomResourceDefinitionVersion>;

export const CustomResourceDefinitionSpec = obj('CustomResourceDefinitionSpec', 'What a kind is.', {
  group: req(1, str, 'Its API group.'),
  names: req(3, CustomResourceDefinitionNames, 'Its names.'),
  scope: req(4, oneOf('Cluster', 'Namespaced'), 'Whether its objects lie in namespaces.'),
  versions: req(7, arr(CustomResourceDefinitionVersion), 'Its versions.'),
  conversion: f(9, CustomResourceConversion, 'How objects are converted between versions.'),
  preserveUnknownFields: f(10, bool, 'Must be false; schemas say what is kept.'),
});
export type CustomResourceDefinitionSpec = TypeOf<typeof CustomResourceDefinitionSpec>;

export const CustomResourceDefinitionStatus = obj('CustomResourceDefinitionStatus', 'State of a kind.', {
  conditions: f(
    1,
    arr(CustomResourceDefinitionCondition, { listType: 'map', mapKeys: ['type'] }),
    'Aspects of its state.',
  ),
  acceptedNames: f(2, CustomResourceDefinitionNames, 'Names it is served under.'),
  storedVersions: f(3, arr(str), 'Versions objects may be stored in.'),
  observedGeneration: f(4, int64, 'Generation this status was computed for.'),
});
export type CustomResourceDefinitionStatus = TypeOf<typeof CustomResourceDefinitionStatus>;

export const CustomResourceDefinitionSchema = topLevel(PKG, 'CustomResourceDefinition', 'Adds a kind to the server.', {
  spec: req(2, CustomResourceDefinitionSpec, 'What it is.'),
  status: f(3, CustomResourceDefinitionStatus, 'Its state.'),
});
export type CustomResourceDefinition = TypeOf<typeof CustomResourceDefinitionSchema>;

/** Names that follow from the kind, and how versions are converted. */
function defaultDefinition(o: CustomResourceDefinition): void {
  const { spec } = o;
  if (!spec) return;
  if (spec.names) {
    spec.names.singular ||= (spec.names.kind ?? '').toLowerCase();
    if (spec.names.kind) spec.names.listKind ||= `${spec.names.kind}List`;
  }
  spec.conversion ??= { strategy: 'None' };
}

/** Holds a definition that is deleted until its objects are gone. */
export const CUSTOM_RESOURCE_CLEANUP = 'customresourcecleanup.apiextensions.k8s.io';

function prepareCreate(o: CustomResourceDefinition): void {
  o.status = { storedVersions: (o.spec?.versions ?? []).filter((v) => v.storage).map((v) => v.name) };
}

/** A version that becomes the storage version is remembered: objects may be stored in it from now on. */
function prepareUpdate(o: CustomResourceDefinition): void {
  const stored = o.status?.storedVersions ?? [];
  for (const v of o.spec?.versions ?? []) {
    if (v.storage && !stored.includes(v.name)) o.status = { ...o.status, storedVersions: [...stored, v.name] };
  }
}

export const CustomResourceDefinitions = defineKind<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  needsVersion: true,
  statusKeepsMeta: true,
  deletionFinalizer: CUSTOM_RESOURCE_CLEANUP,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  hasStatus: true,
  schema: CustomResourceDefinitionSchema,
  defaults: defaultDefinition,
  prepareCreate,
  prepareUpdate,
  validate: validateDefinition,
  validateStatus: validateAcceptedNames,
  columns: [nameColumn, createdColumn],
});
