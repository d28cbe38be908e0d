import { duplicate, type FieldError, forbidden, invalid, required } from '../../../meta/fielderrors.ts';
import { dnsSubdomain } from '../../../meta/names.ts';
import { compareQuantities } from '../../../meta/quantity.ts';
import { driverName, invalidFor, oneOfOptional, requiredLabel } from '../../check/check.ts';
import { validateTokenLifetime } from '../../check/token-lifetime.ts';
import { validateClaimSpec } from '../volume/claim-validation.ts';
import { validateFieldRef, validateResourceRef } from './env-validation.ts';
import { backsteps, validateLocalPath } from './local-path.ts';
import { NETWORK_CHECKS } from './network-volume-validation.ts';
import type { DownwardAPIVolumeFile, KeyToPath, VolumeProjection } from './volume-sources.ts';
import { type Volume, VolumeSource } from './volumes.ts';

const MODE_MESSAGE = 'must be a number between 0 and 0777 (octal), both inclusive';
export const HOST_PATH_TYPES = [
  '',
  'DirectoryOrCreate',
  'Directory',
  'FileOrCreate',
  'File',
  'Socket',
  'CharDevice',
  'BlockDevice',
];
const VOLUME_FIELDS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

const validateMode = (path: string, mode: number | undefined): FieldError[] =>
  mode !== undefined && (mode < 0 || mode > 0o777) ? [invalid(path, mode, MODE_MESSAGE)] : [];

function validateItems(path: string, items: readonly KeyToPath[] | undefined): FieldError[] {
  return (items ?? []).flatMap((item, i) => {
    const at = `${path}.items[${i}]`;
    const found: FieldError[] = item.key ? [] : [required(`${at}.key`)];
    if (!item.path) found.push(required(`${at}.path`));
    else found.push(...validateInside(`${at}.path`, item.path));
    return [...found, ...validateMode(`${at}.mode`, item.mode)];
  });
}

/** A file below the volume's root whose name does not begin with "..". */
function validateInside(path: string, value: string): FieldError[] {
  const found = validateLocalPath(path, value);
  if (found.length === 0 && value.startsWith('..')) found.push(invalid(path, value, "must not start with '..'"));
  return found;
}

/** @param at the volume itself: Kubernetes names no item */
function validateFiles(at: string, items: readonly DownwardAPIVolumeFile[] | undefined): FieldError[] {
  return (items ?? []).flatMap((file) => {
    const found: FieldError[] = file.path ? validateInside(`${at}.path`, file.path) : [required(`${at}.path`)];
    if (file.fieldRef) {
      found.push(...validateFieldRef(`${at}.fieldRef`, file.fieldRef, VOLUME_FIELDS));
      if (file.resourceFieldRef) {
        found.push(invalid(at, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
      }
    } else if (file.resourceFieldRef) {
      found.push(...validateResourceRef(`${at}.resourceFieldRef`, file.resourceFieldRef, true));
    } else found.push(required(at, 'one of fieldRef and resourceFieldRef is required'));
    return [...found, ...validateMode(`${at}.mode`, file.mode)];
  });
}

/** Paths that several sources, or one of them twice, would write. */
class Paths {
  readonly #taken = new Set<string>();

  /** @param who the object it comes from, or the path itself where there is none */
  take(volume: string, path: string | undefined, who = path ?? ''): FieldError[] {
    if (!path) return [];
    if (this.#taken.has(path)) return [invalid(volume, who, 'conflicting duplicate paths')];
    this.#taken.add(path);
    return [];
  }
}

function validateProjection(volume: string, i: number, p: VolumeProjection, paths: Paths): FieldError[] {
  const path = `${volume}.sources[${i}]`;
  const found: FieldError[] = [];
  const { secret, configMap, downwardAPI, serviceAccountToken: token, clusterTrustBundle: bundle } = p;
  if (secret) {
    if (!secret.name) found.push(required(`${path}.secret.name`));
    found.push(...validateItems(`${path}.secret`, secret.items));
    found.push(...(secret.items ?? []).flatMap((item) => paths.take(volume, item.path, secret.name)));
  }
  if (configMap) {
    if (!configMap.name) found.push(required(`${path}.configMap.name`));
    found.push(...validateItems(`${path}.configMap`, configMap.items));
    found.push(...(configMap.items ?? []).flatMap((item) => paths.take(volume, item.path, configMap.name)));
  }
  if (downwardAPI) {
    found.push(...validateFiles(`${path}.downwardAPI`, downwardAPI.items));
    found.push(...(downwardAPI.items ?? []).flatMap((file) => paths.take(volume, file.path)));
  }
  if (token) {
    const at = `${path}.serviceAccountToken`;
    found.push(...validateTokenLifetime(`${at}.expirationSeconds`, token.expirationSeconds));
    if (!token.path) found.push(required(`${volume}.path`));
    else found.push(...validateInside(`${volume}.path`, token.path));
  }
  const count = [secret, configMap, downwardAPI, token, bundle].filter(Boolean).length;
  if (count > 1) found.push(forbidden(path, 'may not specify more than 1 volume type'));
  return found;
}

type Check<K extends keyof Volume> = (path: string, source: NonNullable<Volume[K]>) => FieldError[];

/** Kubernetes blames the driver's own name, and with a space in it when there is no secret's. */
const validateSecretName = (at: string, name: string): FieldError[] =>
  name ? invalidFor(`${at}.name`, name, dnsSubdomain(name)) : [required(`${at}.nodePublishSecretRef .name`)];

/** Checks by source; sources without one are taken as they are. */
const CHECKS: { [K in keyof Volume]?: Check<K> } = {
  hostPath: (at, s) => [
    ...(s.path ? backsteps(`${at}.path`, s.path) : [required(`${at}.path`)]),
    ...oneOfOptional(`${at}.type`, s.type, HOST_PATH_TYPES),
  ],
  emptyDir: (at, s) =>
    s.sizeLimit && compareQuantities(s.sizeLimit, '0') < 0
      ? [forbidden(`${at}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')]
      : [],
  secret: (at, s) => [
    ...(s.secretName ? [] : [required(`${at}.secretName`)]),
    ...validateMode(`${at}.defaultMode`, s.defaultMode),
    ...validateItems(at, s.items),
  ],
  configMap: (at, s) => [
    ...(s.name ? [] : [required(`${at}.name`)]),
    ...validateMode(`${at}.defaultMode`, s.defaultMode),
    ...validateItems(at, s.items),
  ],
  downwardAPI: (at, s) => [...validateMode(`${at}.defaultMode`, s.defaultMode), ...validateFiles(at, s.items)],
  projected: (at, s) => {
    const paths = new Paths();
    return [
      ...validateMode(`${at}.defaultMode`, s.defaultMode),
      ...(s.sources ?? []).flatMap((p, i) => validateProjection(at, i, p, paths)),
    ];
  },
  persistentVolumeClaim: (at, s) => (s.claimName ? [] : [required(`${at}.claimName`)]),
  csi: (at, s) => [
    ...driverName(`${at}.driver`, s.driver),
    ...(s.nodePublishSecretRef ? validateSecretName(at, s.nodePublishSecretRef.name ?? '') : []),
  ],
  ephemeral: (at, s) =>
    s.volumeClaimTemplate
      ? validateClaimSpec(`${at}.volumeClaimTemplate.spec`, s.volumeClaimTemplate.spec ?? {})
      : [required(`${at}.volumeClaimTemplate`)],
  ...NETWORK_CHECKS,
};

/** In the order in which Kubernetes looks: of two sources the later one is the one too many. */
const SOURCES = [
  'emptyDir',
  ...Object.keys(VolumeSource.fields).filter((name) => name !== 'emptyDir'),
] as (keyof Volume)[];

function validateSource(path: string, v: Volume): FieldError[] {
  const found: FieldError[] = [];
  let count = 0;
  for (const name of SOURCES) {
    const source = v[name];
    if (!source) continue;
    const at = `${path}.${name}`;
    if (++count > 1) found.push(forbidden(at, 'may not specify more than 1 volume type'));
    else found.push(...((CHECKS[name] as Check<typeof name> | undefined)?.(at, source as never) ?? []));
  }
  if (count === 0) found.push(required(path, 'must specify a volume type'));
  return found;
}

/** The volumes of a pod; those that are right are what its containers can mount, by name. */
export function validateVolumes(
  path: string,
  volumes: readonly Volume[] | undefined,
): { readonly found: FieldError[]; readonly usable: ReadonlyMap<string, Volume> } {
  const usable = new Map<string, Volume>();
  const found = (volumes ?? []).flatMap((v, i) => {
    const at = `${path}[${i}]`;
    const wrong = [...validateSource(at, v), ...requiredLabel(`${at}.name`, v.name)];
    if (usable.has(v.name)) wrong.push(duplicate(`${at}.name`, v.name));
    if (wrong.length === 0) usable.set(v.name, v);
    return wrong;
  });
  return { found, usable };
}
