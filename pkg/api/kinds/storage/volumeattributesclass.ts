import { defineKind, topLevel } from '../../kind.ts';
import { sameJson } from '../../meta/equal.ts';
import { type FieldError, forbidden, required } from '../../meta/fielderrors.ts';
import { qualifiedName } from '../../meta/names.ts';
import { f, map, req, str, type TypeOf } from '../../schema/schema.ts';
import { immutable, invalidFor } from '../check/check.ts';
import { ageColumn, column, nameColumn } from '../print/columns.ts';

const PKG = 'io.k8s.api.storage.v1beta1';

export const VolumeAttributesClassSchema = topLevel(
  PKG,
  'VolumeAttributesClass',
  'Attributes of volumes that can be changed while they are used.',
  {
    driverName: req(2, str, 'Who changes the volumes.'),
    parameters: f(3, map(str), 'Attributes, as the driver names them; cannot be changed.'),
  },
);
export type VolumeAttributesClass = TypeOf<typeof VolumeAttributesClassSchema>;

function validateAttributesClass(o: VolumeAttributesClass, old?: VolumeAttributesClass): FieldError[] {
  const found: FieldError[] = o.driverName
    ? invalidFor('driverName', o.driverName, qualifiedName(o.driverName.toLowerCase()))
    : [required('driverName')];
  if (Object.keys(o.parameters ?? {}).length === 0)
    found.push(required('parameters', 'must contain at least one key/value pair'));
  if (!old) return found;
  if (!sameJson(o.parameters, old.parameters))
    found.push(forbidden('parameters', 'updates to parameters are forbidden.'));
  return [...found, ...immutable('driverName', o.driverName, old.driverName)];
}

/** Beta in v1.33 ("Volume Attributes Classes"). */
export const VolumeAttributesClasses = defineKind<VolumeAttributesClass>({
  group: 'storage.k8s.io',
  version: 'v1beta1',
  kind: 'VolumeAttributesClass',
  plural: 'volumeattributesclasses',
  shortNames: ['vac'],
  namespaced: false,
  schema: VolumeAttributesClassSchema,
  validate: validateAttributesClass,
  columns: [nameColumn, column('DriverName', 'Who changes the volumes.', (o) => o.driverName), ageColumn],
});
