import { type FieldError, invalid, required } from '../../../meta/fielderrors.ts';
import { optionalSubdomain } from '../../check/check.ts';
import type { PersistentVolumeClaimSpec } from './claim-spec.ts';

type DataSource = NonNullable<PersistentVolumeClaimSpec['dataSource']>;
type DataSourceRef = NonNullable<PersistentVolumeClaimSpec['dataSourceRef']>;

const CLAIM = 'PersistentVolumeClaim';
const SNAPSHOT = 'VolumeSnapshot';
const SNAPSHOT_GROUP = 'snapshot.storage.k8s.io';

/** What `dataSource` was made for; anything else goes into `dataSourceRef`. */
const isClaimOrSnapshot = ({ apiGroup, kind }: DataSource): boolean =>
  apiGroup ? apiGroup === SNAPSHOT_GROUP && kind === SNAPSHOT : kind === CLAIM;

/** What the older field cannot say is dropped from it where nothing was in use before ("Volume populators"). */
export function dropForeignSource(spec: PersistentVolumeClaimSpec): void {
  if (spec.dataSource && !isClaimOrSnapshot(spec.dataSource)) delete spec.dataSource;
}

/** A source in another namespace (CrossNamespaceVolumeDataSource) is off in v1.33, and is not taken where there was none. */
export function dropFarSource(spec: PersistentVolumeClaimSpec): void {
  if (spec.dataSourceRef?.namespace) delete spec.dataSourceRef;
}

/** Each of the two fields is filled from the other, unless the source is in another namespace. */
export function alignSources(spec: PersistentVolumeClaimSpec): void {
  const { dataSource, dataSourceRef: ref } = spec;
  if (ref?.namespace) return;
  if (dataSource && !ref) spec.dataSourceRef = { ...dataSource };
  else if (ref && !dataSource) {
    const { namespace: _, ...local } = ref;
    spec.dataSource = local;
  }
}

function validateSource(path: string, source: DataSource | DataSourceRef | undefined): FieldError[] {
  if (!source) return [];
  const { apiGroup, kind, name } = source;
  const found: FieldError[] = [];
  if (!name) found.push(required(`${path}.name`));
  if (!kind) found.push(required(`${path}.kind`));
  if (!apiGroup && kind !== CLAIM) {
    found.push(invalid(path, kind, `must be '${CLAIM}' when referencing the default apiGroup`));
  }
  return [...found, ...optionalSubdomain(`${path}.apiGroup`, apiGroup)];
}

/** Where the content of a new volume comes from; `path` is that of the claim's spec. */
export function validateSources(
  path: string,
  { dataSource, dataSourceRef: ref }: PersistentVolumeClaimSpec,
): FieldError[] {
  const found = [...validateSource(`${path}.dataSource`, dataSource), ...validateSource(`${path}.dataSourceRef`, ref)];
  if (!dataSource || !ref || ref.namespace) return found;
  const same =
    (dataSource.apiGroup ?? '') === (ref.apiGroup ?? '') &&
    dataSource.kind === ref.kind &&
    dataSource.name === ref.name;
  return same ? found : [...found, invalid(path, `${path}.dataSource`, 'must match dataSourceRef')];
}
