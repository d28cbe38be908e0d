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
const SELINUX_TYPES = new Set(['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']);
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
const seLinux: Check = (s) => {
  const all = [s.spec.securityContext?.seLinuxOptions, ...s.containers.map((c) => c.securityContext?.seLinuxOptions)];
  const options = all.filter((o): o is SeLinux => o !== undefined);
  const types = options.flatMap((o) => (SELINUX_TYPES.has(o.type ?? '') ? [] : [o.type ?? '']));
  const words = [
    types.length > 0 && `${types.length === 1 ? 'type' : 'types'} ${list([...new Set(types)])}`,
    options.some((o) => o.user) && 'user may not be set',
    options.some((o) => o.role) && 'role may not be set',
  ].filter(Boolean);
  const bad = (o: SeLinux | undefined): boolean =>
    o !== undefined && (!SELINUX_TYPES.has(o.type ?? '') || Boolean(o.user) || Boolean(o.role));
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

const seccomp: Check = (s) => {
  const words = 'must not set securityContext.seccompProfile.type to "Unconfined"';
  return because('seccompProfile', [
    s.spec.securityContext?.seccompProfile?.type === 'Unconfined' && `pod ${words}`,
    offenders(s, (c) => c.securityContext?.seccompProfile?.type === 'Unconfined', words),
  ]);
};

const sysctls: Check = ({ spec }: Subject) => {
  const names = (spec.securityContext?.sysctls ?? []).map((x) => x.name).filter((n) => !SAFE_SYSCTLS.has(n));
  return because('forbidden sysctls', [names.join(', ')]);
};

/** Pod Security Standards, level baseline; what the restricted level words more strictly stands apart. */
export const BASELINE: readonly Check[] = [
  appArmor,
  hostNamespaces,
  hostPorts,
  hostProcess,
  privileged,
  procMount,
  seLinux,
  sysctls,
];
/** Baseline rules that restricted ones replace. */
export const BASELINE_ONLY: readonly Check[] = [capabilities, hostPaths, seccomp];
