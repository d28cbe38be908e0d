import { arr, bool, f, int64, objectsIn, oneOf, req, str, type TypeOf } from '../../../schema/schema.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const SELinuxOptions = obj('SELinuxOptions', 'SELinux labels of a process.', {
  user: f(1, str, 'SELinux user.'),
  role: f(2, str, 'SELinux role.'),
  type: f(3, str, 'SELinux type.'),
  level: f(4, str, 'SELinux level.'),
});
export type SELinuxOptions = TypeOf<typeof SELinuxOptions>;

export const SeccompProfile = obj('SeccompProfile', 'Which system calls a process may make.', {
  type: req(1, oneOf('Localhost', 'RuntimeDefault', 'Unconfined'), 'Where the profile comes from.'),
  localhostProfile: f(2, str, "Profile file on the node, below the agent's seccomp folder; only with type Localhost.", {
    ptr: true,
  }),
});
export type SeccompProfile = TypeOf<typeof SeccompProfile>;

export const AppArmorProfile = obj('AppArmorProfile', 'Which AppArmor profile confines a process.', {
  type: req(1, oneOf('Localhost', 'RuntimeDefault', 'Unconfined'), 'Where the profile comes from.'),
  localhostProfile: f(2, str, 'A profile loaded on the node; only with type Localhost.', { ptr: true }),
});
export type AppArmorProfile = TypeOf<typeof AppArmorProfile>;

export const WindowsSecurityContextOptions = obj(
  'WindowsSecurityContextOptions',
  'Identity settings on Windows nodes.',
  {
    gmsaCredentialSpecName: f(1, str, 'Name of the GMSA credential to use.', { ptr: true }),
    gmsaCredentialSpec: f(2, str, 'The GMSA credential itself.', { ptr: true }),
    runAsUserName: f(3, str, 'Windows user of the entry process.', { ptr: true }),
    hostProcess: f(4, bool, 'Run as a host process container.', { ptr: true }),
  },
);
export type WindowsSecurityContextOptions = TypeOf<typeof WindowsSecurityContextOptions>;

export const Capabilities = obj('Capabilities', 'Linux capabilities to add to and take from a container.', {
  add: f(1, arr(str), 'Capabilities added.'),
  drop: f(2, arr(str), 'Capabilities removed.'),
});
export type Capabilities = TypeOf<typeof Capabilities>;

export const Sysctl = obj('Sysctl', 'One kernel parameter of the pod.', {
  name: req(1, str, 'Name of the parameter.'),
  value: req(2, str, 'Value to set.'),
});
export type Sysctl = TypeOf<typeof Sysctl>;

export const PodSecurityContext = obj(
  'PodSecurityContext',
  'Identity and privileges common to all containers of a pod.',
  {
    seLinuxOptions: f(1, SELinuxOptions, 'SELinux labels of all containers.'),
    windowsOptions: f(8, WindowsSecurityContextOptions, 'Windows settings of all containers.'),
    runAsUser: f(2, int64, 'UID of the entry processes.', { ptr: true }),
    runAsGroup: f(6, int64, 'Primary GID of the entry processes.', { ptr: true }),
    runAsNonRoot: f(3, bool, 'Refuse to start a container as UID 0.', { ptr: true }),
    supplementalGroups: f(4, arr(int64), 'Further groups of the first process.'),
    supplementalGroupsPolicy: f(12, oneOf('Merge', 'Strict'), "Whether groups of the image's /etc/group are added.", {
      ptr: true,
    }),
    fsGroup: f(5, int64, 'Group that owns the volumes and is added to every container.', { ptr: true }),
    sysctls: f(7, arr(Sysctl), "Kernel parameters of the pod's namespaces."),
    fsGroupChangePolicy: f(9, oneOf('OnRootMismatch', 'Always'), 'When ownership of a volume is changed to fsGroup.', {
      ptr: true,
    }),
    seccompProfile: f(10, SeccompProfile, 'Seccomp profile of all containers.'),
    appArmorProfile: f(11, AppArmorProfile, 'AppArmor profile of all containers.'),
    seLinuxChangePolicy: f(13, str, 'How volumes get their SELinux label.', { ptr: true }),
  },
);
export type PodSecurityContext = TypeOf<typeof PodSecurityContext>;

export const SecurityContext = obj(
  'SecurityContext',
  "Identity and privileges of one container; wins over the pod's.",
  {
    capabilities: f(1, Capabilities, 'Capabilities added and dropped.'),
    privileged: f(2, bool, 'Run with all the powers of root on the host.', { ptr: true }),
    seLinuxOptions: f(3, SELinuxOptions, 'SELinux labels.'),
    windowsOptions: f(10, WindowsSecurityContextOptions, 'Windows settings.'),
    runAsUser: f(4, int64, 'UID of the entry process.', { ptr: true }),
    runAsGroup: f(8, int64, 'Primary GID of the entry process.', { ptr: true }),
    runAsNonRoot: f(5, bool, 'Refuse to start as UID 0.', { ptr: true }),
    readOnlyRootFilesystem: f(6, bool, 'Mount the root filesystem read-only.', { ptr: true }),
    allowPrivilegeEscalation: f(7, bool, 'Whether a process may gain more privileges than its parent.', { ptr: true }),
    procMount: f(9, oneOf('Default', 'Unmasked'), 'How /proc is masked.', { ptr: true }),
    seccompProfile: f(11, SeccompProfile, 'Seccomp profile.'),
    appArmorProfile: f(12, AppArmorProfile, 'AppArmor profile.'),
  },
);
export type SecurityContext = TypeOf<typeof SecurityContext>;

/** Sysctls that one pod may set without harm to others ("Using sysctls in a Kubernetes Cluster", safe sysctls). */
export const SAFE_SYSCTLS: ReadonlySet<string> = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
]);
