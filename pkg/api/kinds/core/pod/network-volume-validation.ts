import { type FieldError, invalid, notSupported, required } from '../../../meta/fielderrors.ts';
import { dnsLabel } from '../../../meta/names.ts';
import { invalidFor, oneOfOptional } from '../../check/check.ts';
import { validateLocalPath } from './local-path.ts';
import type { AzureDiskVolumeSource, FCVolumeSource, ISCSIVolumeSource } from './network-volumes.ts';
import type { Volume } from './volumes.ts';

/** Each of these must say something. */
const needed = (at: string, source: object, ...names: readonly string[]): FieldError[] =>
  names.flatMap((name) => ((source as Record<string, unknown>)[name] ? [] : [required(`${at}.${name}`)]));

const neededList = (at: string, list: readonly string[] | undefined): FieldError[] =>
  (list ?? []).length > 0 ? [] : [required(at)];

const MAX_NUMBER = 255;
const unitNumber = (path: string, n: number, why = `must be between 0 and ${MAX_NUMBER}, inclusive`): FieldError[] =>
  n < 0 || n > MAX_NUMBER ? [invalid(path, n, why)] : [];
const partition = (path: string, n = 0): FieldError[] =>
  unitNumber(path, n, `must be an integer between 0 and ${MAX_NUMBER}, both inclusive`);

const absolute = (path: string, value: string): FieldError[] =>
  value?.startsWith('/') ? [] : [invalid(path, value ?? '', 'must be an absolute path')];

const named = (at: string, ref: { readonly name?: string } | undefined): FieldError[] =>
  ref && !ref.name ? [required(`${at}.secretRef.name`)] : [];

/** Names of iSCSI's nodes, by how they begin: RFC 3720, 3.2.6.3. */
const QUALIFIED: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([A-Za-z0-9\-.]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[A-Za-z0-9]{16}$/,
  naa: /^naa.[A-Za-z0-9]{32}$/,
};

function qualifiedNode(path: string, name: string): FieldError[] {
  const form = QUALIFIED[name.slice(0, 3)];
  if (!form) return [invalid(path, name, 'must be valid format starting with iqn, eui, or naa')];
  return form.test(name) ? [] : [invalid(path, name, 'must be valid format')];
}

const iscsi = (at: string, s: ISCSIVolumeSource): FieldError[] => [
  ...needed(at, s, 'targetPortal', 'iqn'),
  ...(s.iqn ? qualifiedNode(`${at}.iqn`, s.iqn) : []),
  ...unitNumber(`${at}.lun`, s.lun),
  ...((s.chapAuthDiscovery || s.chapAuthSession) && !s.secretRef ? [required(`${at}.secretRef`)] : []),
  ...(s.initiatorName === undefined ? [] : qualifiedNode(`${at}.initiatorname`, s.initiatorName)),
];

function fibreChannel(at: string, { targetWWNs = [], wwids = [], lun }: FCVolumeSource): FieldError[] {
  const path = `${at}.targetWWNs`;
  const found: FieldError[] = [];
  if (targetWWNs.length === 0 && wwids.length === 0) {
    found.push(required(path, 'must specify either targetWWNs or wwids, but not both'));
  }
  if (targetWWNs.length === 0) return found;
  if (wwids.length > 0) {
    found.push(invalid(path, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously'));
  }
  if (lun === undefined) found.push(required(`${at}.lun`, 'lun is required if targetWWNs is specified'));
  else found.push(...unitNumber(`${at}.lun`, lun));
  return found;
}

const RESERVED = 'kubernetes.io and k8s.io namespaces are reserved';

const flexOptions = (at: string, options: Readonly<Record<string, string>> = {}): FieldError[] =>
  Object.keys(options).flatMap((key) =>
    /(^|\.)(kubernetes|k8s)\.io$/i.test(key.split('/', 1)[0] ?? '')
      ? [invalid(`${at}.options[${key}]`, key, RESERVED)]
      : [],
  );

const MANAGED = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const BLOB = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

function azureDisk(at: string, s: AzureDiskVolumeSource): FieldError[] {
  const found = [
    ...needed(at, s, 'diskName', 'diskURI'),
    ...oneOfOptional(`${at}.cachingMode`, s.cachingMode, ['None', 'ReadOnly', 'ReadWrite']),
    ...oneOfOptional(`${at}.kind`, s.kind, ['Dedicated', 'Managed', 'Shared']),
  ];
  const managed = s.kind === 'Managed';
  const uri = s.diskURI ?? '';
  if (s.kind !== undefined && !uri.startsWith(managed ? '/subscriptions/' : 'https://')) {
    found.push(notSupported(`${at}.diskURI`, uri, [managed ? MANAGED : BLOB]));
  }
  return found;
}

const PAIRS = 'must be a host:port pair or multiple pairs separated by commas';

type Check<K extends keyof Volume> = (path: string, source: NonNullable<Volume[K]>) => FieldError[];

/** Checks of storage systems that are reached over a network, and of those that are gone. */
export const NETWORK_CHECKS: { [K in keyof Volume]?: Check<K> } = {
  nfs: (at, s) => [...needed(at, s, 'server', 'path'), ...absolute(`${at}.path`, s.path)],
  iscsi,
  fc: fibreChannel,
  rbd: (at, s) => [...neededList(`${at}.monitors`, s.monitors), ...needed(at, s, 'image')],
  cephfs: (at, s) => neededList(`${at}.monitors`, s.monitors),
  cinder: (at, s) => [...needed(at, s, 'volumeID'), ...named(at, s.secretRef)],
  glusterfs: (at, s) => needed(at, s, 'endpoints', 'path'),
  flexVolume: (at, s) => [...needed(at, s, 'driver'), ...flexOptions(at, s.options)],
  azureFile: (at, s) => needed(at, s, 'secretName', 'shareName'),
  azureDisk,
  vsphereVolume: (at, s) => needed(at, s, 'volumePath'),
  photonPersistentDisk: (at, s) => needed(at, s, 'pdID'),
  portworxVolume: (at, s) => needed(at, s, 'volumeID'),
  scaleIO: (at, s) => needed(at, s, 'gateway', 'system', 'volumeName'),
  storageos: (at, s) => [
    ...(s.volumeName
      ? invalidFor(`${at}.volumeName`, s.volumeName, dnsLabel(s.volumeName))
      : needed(at, s, 'volumeName')),
    ...(s.volumeNamespace ? invalidFor(`${at}.volumeNamespace`, s.volumeNamespace, dnsLabel(s.volumeNamespace)) : []),
    ...named(at, s.secretRef),
  ],
  quobyte: (at, s) => [
    ...(s.registry ? hostPorts(`${at}.registry`, s.registry) : [required(`${at}.registry`, PAIRS)]),
    ...needed(at, s, 'volume'),
  ],
  flocker: (at, s) =>
    !s.datasetName && !s.datasetUUID
      ? [required(at, 'one of datasetName and datasetUUID is required')]
      : s.datasetName && s.datasetUUID
        ? [invalid(at, 'resource', 'datasetName and datasetUUID can not be specified simultaneously')]
        : [],
  gcePersistentDisk: (at, s) => {
    // Kubernetes calls it by its old name.
    const path = at.replace(/gcePersistentDisk$/, 'persistentDisk');
    return [...needed(path, s, 'pdName'), ...partition(`${path}.partition`, s.partition)];
  },
  awsElasticBlockStore: (at, s) => [...needed(at, s, 'volumeID'), ...partition(`${at}.partition`, s.partition)],
  gitRepo: (at, s) => [...needed(at, s, 'repository'), ...validateLocalPath(`${at}.directory`, s.directory ?? '')],
};

const hostPorts = (path: string, registry: string): FieldError[] =>
  registry
    .split(',')
    .flatMap((pair) => (/^(\[[^\]]*\]|[^:[\]]*):[^:]*$/.test(pair) ? [] : [invalid(path, registry, PAIRS)]));
