import { SAFE_SYSCTLS } from '#api/kinds/index.ts';
import { because, type Check, list, offenders, type Subject, volumes } from './checks.ts';

const CAPABILITIES = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);
/** Types of SELinux, and the version since which each may be set. */
const SELINUX_TYPES: ReadonlyMap<string, number> = new Map([
  ['', 0],
  ['container_t', 0],
  ['container_init_t', 0],
  ['container_kvm_t', 0],
  ['container_engine_t', 31],
]);
/** Safe sysctls that have not always been, and the version since which they are. */
const LATER_SYSCTLS: ReadonlyMap<string, number> = new Map([
  ['net.ipv4.ip_local_reserved_ports', 27],
  ['net.ipv4.tcp_keepalive_time', 29],
  ['net.ipv4.tcp_fin_timeout', 29],
  ['net.ipv4.tcp_keepalive_intvl', 29],
  ['net.ipv4.tcp_keepalive_probes', 29],
  ['net.ipv4.tcp_rmem', 32],
  ['net.ipv4.tcp_wmem', 32],
]);
/** Since then seccomp profiles have fields; before, they had annotations. */
const SECCOMP_FIELDS = 19;
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod';
/** Names the profile of a container before there were fields. */
export const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';
const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';

const hostNamespaces: Check = ({ spec }) => {
  const on = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((k) => spec[k]);
  return on.length > 0 ? `host namespaces (${on.map((k) => `${k}=true`).join(', ')})` : undefined;
};

const privileged: Check = (s) =>
  because('privileged', [
    offenders(s, (c) => c.securityContext?.privileged === true, 'must not set securityContext.privileged=true'),
  ]);

const hostProcess: Check = (s) => {
  const words = 'must not set securityContext.windowsOptions.hostProcess=true';
  return because('hostProcess', [
    s.spec.securityContext?.windowsOptions?.hostProcess && `pod ${words}`,
    offenders(s, (c) => c.securityContext?.windowsOptions?.hostProcess === true, words),
  ]);
};

const capabilities: Check = (s) => {
  const bad = new Set(
    s.containers.flatMap((c) => (c.securityContext?.capabilities?.add ?? []).filter((k) => !CAPABILITIES.has(k))),
  );
  const words = `must not include ${list([...bad].sort())} in securityContext.capabilities.add`;
  const has = offenders(s, (c) => c.securityContext?.capabilities?.add?.some((k) => bad.has(k)) ?? false, words);
  return because('non-default capabilities', [has]);
};

const hostPaths: Check = ({ spec }) => {
  const names = (spec.volumes ?? []).filter((v) => v.hostPath).map((v) => v.name);
  return because('hostPath volumes', [names.length > 0 && volumes(names)]);
};

const hostPorts: Check = (s) => {
  const ports = s.containers.flatMap((c) => (c.ports ?? []).flatMap((p) => (p.hostPort ? [p.hostPort] : [])));
  const numbers = [...new Set(ports)].sort((a, b) => a - b);
  const words = `${numbers.length === 1 ? 'uses hostPort' : 'use hostPorts'} ${numbers.join(', ')}`;
  return because('hostPort', [offenders(s, (c) => c.ports?.some((p) => p.hostPort) ?? false, words)]);
};

const appArmor: Check = (s) => {
  const bad = Object.entries(s.metadata?.annotations ?? {})
    .filter(
      ([k, v]) => k.startsWith(APPARMOR_ANNOTATION) && v !== 'runtime/default' && !v.startsWith('localhost/') && v,
    )
    .map(([k, v]) => `annotations["${k}"]="${v}"`);
  const profile = 'must not set AppArmor profile type to "Unconfined"';
  return because('forbidden AppArmor profile', [
    s.spec.securityContext?.appArmorProfile?.type === 'Unconfined' && `pod ${profile}`,
    offenders(s, (c) => c.securityContext?.appArmorProfile?.type === 'Unconfined', profile),
    ...bad,
  ]);
};

interface SeLinux {
  type?: string;
  user?: string;
  role?: string;
}
const seLinux: Check = (s, minor) => {
  const isKnown = (type = ''): boolean => {
    const since = SELINUX_TYPES.get(type);
    return since !== undefined && since <= minor;
  };
  const all = [s.spec.securityContext?.seLinuxOptions, ...s.containers.map((c) => c.securityContext?.seLinuxOptions)];
  const options = all.filter((o): o is SeLinux => o !== undefined);
  const types = options.flatMap((o) => (isKnown(o.type) ? [] : [o.type ?? '']));
  const words = [
    types.length > 0 && `${types.length === 1 ? 'type' : 'types'} ${list([...new Set(types)])}`,
    options.some((o) => o.user) && 'user may not be set',
    options.some((o) => o.role) && 'role may not be set',
  ].filter(Boolean);
  const bad = (o: SeLinux | undefined): boolean =>
    o !== undefined && (!isKnown(o.type) || Boolean(o.user) || Boolean(o.role));
  const set = `set forbidden securityContext.seLinuxOptions: ${words.join('; ')}`;
  return because('seLinuxOptions', [
    bad(s.spec.securityContext?.seLinuxOptions) && `pod ${set}`,
    offenders(s, (c) => bad(c.securityContext?.seLinuxOptions), set),
  ]);
};

const procMount: Check = (s) =>
  because('procMount', [
    offenders(
      s,
      (c) => (c.securityContext?.procMount ?? 'Default') !== 'Default',
      'must not set securityContext.procMount to "Unmasked"',
    ),
  ]);

const seccomp: Check = (s, minor) => {
  if (minor < SECCOMP_FIELDS) return seccompAnnotations(s);
  const words = 'must not set securityContext.seccompProfile.type to "Unconfined"';
  return because('seccompProfile', [
    s.spec.securityContext?.seccompProfile?.type === 'Unconfined' && `pod ${words}`,
    offenders(s, (c) => c.securityContext?.seccompProfile?.type === 'Unconfined', words),
  ]);
};

function seccompAnnotations({ metadata, containers }: Subject): string | undefined {
  const known = [SECCOMP_POD, ...containers.map((c) => SECCOMP_CONTAINER + c.name)];
  const bad = known.flatMap((key) => {
    const value = metadata?.annotations?.[key];
    const isGood = value === undefined || /^(runtime|docker)\/default$|^localhost\//.test(value);
    return isGood ? [] : [`${key}="${value}"`];
  });
  const words = `forbidden ${bad.length === 1 ? 'annotation' : 'annotations'} ${bad.join(', ')}`;
  return because('seccompProfile', [bad.length > 0 && words]);
}

const sysctls: Check = ({ spec }, minor) => {
  const isSafe = (name: string): boolean => SAFE_SYSCTLS.has(name) && (LATER_SYSCTLS.get(name) ?? 0) <= minor;
  const names = (spec.securityContext?.sysctls ?? []).map((x) => x.name).filter((n) => !isSafe(n));
  return because('forbidden sysctls', [names.join(', ')]);
};

/** A rule of the level baseline. */
export interface BaselineRule {
  readonly check: Check;
  /** Since this version the level restricted has a stricter one in its place. */
  readonly replacedSince?: number;
}

/** Pod Security Standards, level baseline. */
export const BASELINE: readonly BaselineRule[] = [
  { check: appArmor },
  { check: capabilities, replacedSince: 22 },
  { check: hostNamespaces },
  { check: hostPaths, replacedSince: 0 },
  { check: hostPorts },
  { check: privileged },
  { check: procMount },
  { check: seLinux },
  { check: seccomp, replacedSince: SECCOMP_FIELDS },
  { check: sysctls },
  { check: hostProcess },
];
