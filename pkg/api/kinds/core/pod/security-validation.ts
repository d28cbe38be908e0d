import { duplicate, type FieldError, forbidden, invalid, notSupported, required } from '../../../meta/fielderrors.ts';
import { oneOfOptional } from '../../check/check.ts';
import type { Container } from './container.ts';
import { validateLocalPath } from './local-path.ts';
import type { AppArmorProfile, SeccompProfile } from './security.ts';
import type { PodSpec } from './spec.ts';

const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const MAX_SYSCTL = 253;
const MAX_ID = 2 ** 31 - 1;
const PROFILES = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const SYSTEMS = ['linux', 'windows'];

/** The number of a user or a group. */
const validateId = (path: string, id: number | undefined): FieldError[] =>
  id !== undefined && (id < 0 || id > MAX_ID) ? [invalid(path, id, `must be between 0 and ${MAX_ID}, inclusive`)] : [];

function validateProfile(
  path: string,
  profile: SeccompProfile | AppArmorProfile | undefined,
  what: 'seccomp' | 'AppArmor',
): FieldError[] {
  if (!profile) return [];
  const { localhostProfile: file } = profile;
  const type: string | undefined = profile.type;
  const found: FieldError[] = [];
  if (!type) found.push(required(`${path}.type`, `type is required when ${path.split('.').at(-1)} is set`));
  else if (!PROFILES.includes(type)) found.push(notSupported(`${path}.type`, type, PROFILES));
  const at = `${path}.localhostProfile`;
  if (type !== 'Localhost') {
    if (file !== undefined) found.push(invalid(at, file, `can only be set when ${what} type is Localhost`));
  } else if (what === 'seccomp' ? file === undefined : !file)
    found.push(required(at, `must be set when ${what} type is Localhost`));
  else if (what === 'seccomp') found.push(...validateLocalPath(at, file ?? ''));
  else if (file?.trim() !== file) found.push(invalid(at, file, 'must not be padded with whitespace'));
  return found;
}

/** What confines processes: the same fields of a pod and of a container. */
const validateConfinement = (
  path: string,
  sc: { seccompProfile?: SeccompProfile; appArmorProfile?: AppArmorProfile },
): FieldError[] => [
  ...validateProfile(`${path}.seccompProfile`, sc.seccompProfile, 'seccomp'),
  ...validateProfile(`${path}.appArmorProfile`, sc.appArmorProfile, 'AppArmor'),
];

function validateSysctls(path: string, list: readonly { name: string }[] | undefined): FieldError[] {
  const names = new Set<string>();
  return (list ?? []).flatMap(({ name }, i) => {
    const at = `${path}.sysctls[${i}].name`;
    const again = names.has(name);
    names.add(name);
    if (!name) return [required(at)];
    if (name.length > MAX_SYSCTL || !SYSCTL.test(name)) {
      return [invalid(at, name, `must have at most ${MAX_SYSCTL} characters and match regex ${SYSCTL.source}`)];
    }
    return again ? [duplicate(at, name)] : [];
  });
}

/** A user namespace of its own goes with no other namespace of the node ("User Namespaces", limitations). */
const validateHostUsers = (path: string, spec: PodSpec): FieldError[] =>
  spec.hostUsers !== false
    ? []
    : (['hostNetwork', 'hostPID', 'hostIPC'] as const).flatMap((k) =>
        spec[k] ? [forbidden(`${path}.${k}`, 'when `pod.Spec.HostUsers` is false')] : [],
      );

function validateOs(path: string, spec: PodSpec): FieldError[] {
  if (!spec.os) return [];
  const { name } = spec.os;
  if (!name) return [required(`${path}.os.name`, 'cannot be empty')];
  if (!SYSTEMS.includes(name)) return [notSupported(`${path}.os`, name, SYSTEMS)];
  if (name !== 'linux' || !spec.securityContext?.windowsOptions) return [];
  return [forbidden(`${path}.securityContext.windowsOptions`, 'windows options cannot be set for a linux pod')];
}

/** Identity and privileges that hold for a whole pod; `path` is that of its spec. */
export function validatePodSecurity(path: string, spec: PodSpec): FieldError[] {
  const sc = spec.securityContext ?? {};
  const at = `${path}.securityContext`;
  const found = [
    ...validateId(`${at}.runAsUser`, sc.runAsUser),
    ...validateId(`${at}.runAsGroup`, sc.runAsGroup),
    ...validateId(`${at}.fsGroup`, sc.fsGroup),
    ...(sc.supplementalGroups ?? []).flatMap((g, i) => validateId(`${at}.supplementalGroups[${i}]`, g)),
    ...oneOfOptional(`${at}.fsGroupChangePolicy`, sc.fsGroupChangePolicy, ['Always', 'OnRootMismatch']),
    ...oneOfOptional(`${at}.supplementalGroupsPolicy`, sc.supplementalGroupsPolicy, ['Merge', 'Strict']),
    ...validateConfinement(at, sc),
    ...validateSysctls(at, sc.sysctls),
    ...validateHostUsers(path, spec),
    ...validateOs(path, spec),
  ];
  if (spec.shareProcessNamespace && spec.hostPID) {
    found.push(
      invalid(`${at}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    );
  }
  return found;
}

/** Identity and privileges of one container of a pod. */
export function validateContainerSecurity(path: string, c: Container, spec: PodSpec): FieldError[] {
  const sc = c.securityContext;
  if (!sc) return [];
  const found = [
    ...validateId(`${path}.runAsUser`, sc.runAsUser),
    ...validateId(`${path}.runAsGroup`, sc.runAsGroup),
    ...validateConfinement(path, sc),
    ...oneOfOptional(`${path}.procMount`, sc.procMount, ['Default', 'Unmasked']),
  ];
  if (sc.procMount === 'Unmasked' && spec.hostUsers !== false) {
    found.push(invalid(`${path}.procMount`, sc.procMount, '`hostUsers` must be false to use `Unmasked`'));
  }
  if (sc.allowPrivilegeEscalation !== false) return found;
  if (sc.privileged) {
    found.push(invalid(path, sc, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'));
  }
  if (sc.capabilities?.add?.some((cap) => cap === 'SYS_ADMIN' || cap === 'CAP_SYS_ADMIN')) {
    found.push(
      invalid(path, sc, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'),
    );
  }
  return found;
}
