import { defineKind, topLevel } from '../../kind.ts';
import { duplicate, type FieldError } from '../../meta/fielderrors.ts';
import { arr, bool, f, int64, objectsIn, oneOf, req, str, type TypeOf } from '../../schema/schema.ts';
import { immutable, oneOfOptional } from '../check/check.ts';
import { validateTokenLifetime } from '../check/token-lifetime.ts';
import { dropDisabledFields } from '../disabled-fields.ts';
import { ageColumn, boolColumn, column, NONE, nameColumn, UNSET } from '../print/columns.ts';

const PKG = 'io.k8s.api.storage.v1';
const obj = objectsIn(PKG);

export const CSITokenRequest = obj('TokenRequest', 'A token a driver wants for its pods.', {
  audience: req(1, str, 'Who it is meant for.'),
  expirationSeconds: f(2, int64, 'Its lifetime.', { ptr: true }),
});
export type CSITokenRequest = TypeOf<typeof CSITokenRequest>;

export const CSIDriverSpec = obj('CSIDriverSpec', 'What a CSI driver needs and can do.', {
  attachRequired: f(1, bool, 'Volumes must be attached.', { ptr: true, default: true }),
  podInfoOnMount: f(2, bool, 'The driver is told about the pod.', { ptr: true, default: false }),
  volumeLifecycleModes: f(
    3,
    arr(oneOf('Ephemeral', 'Persistent'), { listType: 'set' }),
    'Kinds of volumes it supports.',
  ),
  storageCapacity: f(4, bool, 'The scheduler looks at its capacity.', { ptr: true, default: false }),
  fsGroupPolicy: f(5, str, 'Whether fsGroup is applied.', { ptr: true, default: 'ReadWriteOnceWithFSType' }),
  tokenRequests: f(6, arr(CSITokenRequest), 'Tokens it wants.'),
  requiresRepublish: f(7, bool, 'Volumes are published again and again.', { ptr: true, default: false }),
  seLinuxMount: f(8, bool, 'It supports SELinux mount options.', { ptr: true }),
  nodeAllocatableUpdatePeriodSeconds: f(9, int64, 'Seconds between updates of the attach limit.', { ptr: true }),
});
export type CSIDriverSpec = TypeOf<typeof CSIDriverSpec>;

export const CSIDriverSchema = topLevel(PKG, 'CSIDriver', 'A CSI driver of the cluster.', {
  spec: req(2, CSIDriverSpec, 'What it needs and can do.'),
});
export type CSIDriver = TypeOf<typeof CSIDriverSchema>;

function validateTokenRequests(path: string, requests: readonly CSITokenRequest[]): FieldError[] {
  const audiences = new Set<string>();
  return requests.flatMap(({ audience, expirationSeconds: seconds }, i) => {
    if (audiences.has(audience)) return [duplicate(`${path}[${i}].audience`, audience)];
    audiences.add(audience);
    return validateTokenLifetime(`${path}[${i}].expirationSeconds`, seconds);
  });
}

function validateDriver(o: CSIDriver, old?: CSIDriver): FieldError[] {
  const found: FieldError[] = [];
  for (const m of o.spec?.volumeLifecycleModes ?? []) {
    found.push(...oneOfOptional('spec.volumeLifecycleModes', m, ['Ephemeral', 'Persistent']));
  }
  found.push(
    ...oneOfOptional('spec.fsGroupPolicy', o.spec?.fsGroupPolicy, ['File', 'None', 'ReadWriteOnceWithFSType']),
  );
  found.push(...validateTokenRequests('spec.tokenRequests', o.spec?.tokenRequests ?? []));
  if (!old) return found;
  return [
    ...found,
    // Kubernetes says "attached" here.
    ...immutable('spec.attachedRequired', o.spec?.attachRequired, old.spec?.attachRequired),
    ...immutable('spec.volumeLifecycleModes', o.spec?.volumeLifecycleModes, old.spec?.volumeLifecycleModes),
  ];
}

/** A limit of volumes that changes (MutableCSINodeAllocatableCount) is off in v1.33. */
const dropUpdatePeriod = (o: CSIDriver, old?: CSIDriver): void =>
  dropDisabledFields(o.spec, old?.spec, ['nodeAllocatableUpdatePeriodSeconds']);

export const CSIDrivers = defineKind<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  plural: 'csidrivers',
  needsVersion: true,
  namespaced: false,
  schema: CSIDriverSchema,
  defaults: (o) => {
    if (o.spec) o.spec.volumeLifecycleModes ??= ['Persistent'];
  },
  prepareCreate: (o) => dropUpdatePeriod(o),
  prepareUpdate: dropUpdatePeriod,
  validate: validateDriver,
  columns: [
    nameColumn,
    boolColumn('AttachRequired', 'Whether volumes must be attached.', (o) => o.spec?.attachRequired ?? true),
    boolColumn('PodInfoOnMount', 'Whether it is told about the pod.', (o) => o.spec?.podInfoOnMount ?? false),
    boolColumn('StorageCapacity', 'Whether its capacity is heeded.', (o) => o.spec?.storageCapacity ?? false),
    column(
      'TokenRequests',
      'Audiences of the tokens it wants.',
      (o) => (o.spec?.tokenRequests ?? []).map((t) => t.audience).join(',') || UNSET,
    ),
    boolColumn('RequiresRepublish', 'Whether volumes are published again.', (o) => o.spec?.requiresRepublish ?? false),
    column('Modes', 'Kinds of volumes it supports.', (o) => (o.spec?.volumeLifecycleModes ?? []).join(',') || NONE),
    ageColumn,
  ],
});
