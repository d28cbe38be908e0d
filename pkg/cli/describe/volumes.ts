import type { Volume } from '#api/kinds/index.ts';
import { flatMap } from './values.ts';
import type { DescriptionWriter } from './writer.ts';

type Facts = readonly (readonly [string, string | number | boolean | undefined])[];

const listed = (v: unknown): string => (v === undefined ? '' : String(v));

/** What kubectl says of each sort of volume: its title, and its facts. */
const SORTS: { readonly [K in keyof Volume]?: (source: NonNullable<Volume[K]>) => readonly [string, Facts] } = {
  emptyDir: (s) => [
    "EmptyDir (a temporary directory that shares a pod's lifetime)",
    [
      ['Medium', s.medium ?? ''],
      ['SizeLimit', s.sizeLimit === undefined ? '<unset>' : String(s.sizeLimit)],
    ],
  ],
  hostPath: (s) => [
    'HostPath (bare host directory volume)',
    [
      ['Path', s.path],
      ['HostPathType', s.type ?? ''],
    ],
  ],
  configMap: (s) => [
    'ConfigMap (a volume populated by a ConfigMap)',
    [
      ['Name', s.name ?? ''],
      ['Optional', s.optional ?? false],
    ],
  ],
  secret: (s) => [
    'Secret (a volume populated by a Secret)',
    [
      ['SecretName', s.secretName ?? ''],
      ['Optional', s.optional ?? false],
    ],
  ],
  nfs: (s) => [
    'NFS (an NFS mount that lasts the lifetime of a pod)',
    [
      ['Server', s.server],
      ['Path', s.path],
      ['ReadOnly', s.readOnly ?? false],
    ],
  ],
  csi: (s) => [
    'CSI (a Container Storage Interface (CSI) volume source)',
    [
      ['Driver', s.driver],
      ['FSType', s.fsType ?? ''],
      ...('volumeHandle' in s ? [['VolumeHandle', s.volumeHandle as string] as const] : []),
      ['ReadOnly', s.readOnly ?? false],
      ['VolumeAttributes', flatMap(s.volumeAttributes)],
    ],
  ],
  persistentVolumeClaim: (s) => [
    'PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)',
    [
      ['ClaimName', s.claimName],
      ['ReadOnly', s.readOnly ?? false],
    ],
  ],
};

/** Where a PersistentVolume is. */
export function volumeSource(w: DescriptionWriter, source: Omit<Volume, 'name'> & { local?: { path: string } }): void {
  if (!source.local) {
    sort(w, { name: '', ...source });
    return;
  }
  w.line(2, 'Type:', 'LocalVolume (a persistent volume backed by local storage on a node)');
  w.line(2, 'Path:', source.local.path);
}

function projected(w: DescriptionWriter, v: NonNullable<Volume['projected']>): void {
  w.line(2, 'Type:', 'Projected (a volume that contains injected data from multiple sources)');
  for (const s of v.sources ?? []) {
    if (s.secret) {
      w.line(2, 'SecretName:', s.secret.name ?? '');
      w.line(2, 'Optional:', listed(s.secret.optional ?? false));
    } else if (s.downwardAPI) w.line(2, 'DownwardAPI:', 'true');
    else if (s.configMap) {
      w.line(2, 'ConfigMapName:', s.configMap.name ?? '');
      w.line(2, 'Optional:', listed(s.configMap.optional ?? false));
    } else if (s.serviceAccountToken)
      w.line(2, 'TokenExpirationSeconds:', s.serviceAccountToken.expirationSeconds ?? 3600);
  }
}

function downward(w: DescriptionWriter, v: NonNullable<Volume['downwardAPI']>): void {
  w.line(2, 'Type:', 'DownwardAPI (a volume populated by information about the pod)');
  w.line(2, 'Items:');
  for (const i of v.items ?? []) {
    if (i.fieldRef) w.line(3, `${i.fieldRef.fieldPath} -> ${i.path}`);
    if (i.resourceFieldRef) w.line(3, `${i.resourceFieldRef.resource} -> ${i.path}`);
  }
}

/** The volumes of a pod or, at level 1, of a template. */
export function volumes(w: DescriptionWriter, list: readonly Volume[], level: 0 | 1 = 0): void {
  if (list.length === 0) {
    w.line(level, 'Volumes:', '<none>');
    return;
  }
  w.line(level, 'Volumes:');
  for (const v of list) {
    w.line(1, `${level === 0 ? '' : ' '}${v.name}:`);
    if (v.projected) projected(w, v.projected);
    else if (v.downwardAPI) downward(w, v.downwardAPI);
    else sort(w, v);
  }
}

function sort(w: DescriptionWriter, v: Volume): void {
  for (const [name, describe] of Object.entries(SORTS)) {
    const source = v[name as keyof Volume];
    if (source === undefined) continue;
    const [type, facts] = (describe as (s: unknown) => readonly [string, Facts])(source);
    w.line(2, 'Type:', type);
    for (const [k, value] of facts) w.line(2, `${k}:`, listed(value));
    return;
  }
  w.line(2, '<unknown>');
}
