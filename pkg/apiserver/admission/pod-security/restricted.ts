import { because, type Check, containers, list, offenders, unset, volumes } from './checks.ts';

const VOLUMES = new Set([
  'name',
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
  'image',
]);

const escalation: Check = (s) =>
  because('allowPrivilegeEscalation != false', [
    offenders(
      s,
      (c) => c.securityContext?.allowPrivilegeEscalation !== false,
      'must set securityContext.allowPrivilegeEscalation=false',
    ),
  ]);

const capabilities: Check = (s) => {
  const bad = new Set(
    s.containers.flatMap((c) => (c.securityContext?.capabilities?.add ?? []).filter((k) => k !== 'NET_BIND_SERVICE')),
  );
  return because('unrestricted capabilities', [
    offenders(
      s,
      (c) => !c.securityContext?.capabilities?.drop?.includes('ALL'),
      'must set securityContext.capabilities.drop=["ALL"]',
    ),
    offenders(
      s,
      (c) => c.securityContext?.capabilities?.add?.some((k) => bad.has(k)) ?? false,
      `must not include ${list([...bad].sort())} in securityContext.capabilities.add`,
    ),
  ]);
};

const volumeTypes: Check = ({ spec }) => {
  const bad = (spec.volumes ?? []).flatMap((v) => {
    const type = Object.keys(v).find((k) => !VOLUMES.has(k));
    return type ? [{ name: v.name, type }] : [];
  });
  if (bad.length === 0) return undefined;
  const types = [...new Set(bad.map((b) => b.type))].sort();
  const use = `${bad.length === 1 ? 'uses' : 'use'} restricted volume type${types.length === 1 ? '' : 's'} ${list(types)}`;
  return `restricted volume types (${volumes(bad.map((b) => b.name))} ${use})`;
};

const nonRoot: Check = (s) => {
  const { pod, wrong, missing } = unset(
    s,
    s.spec.securityContext?.runAsNonRoot,
    (c) => c.securityContext?.runAsNonRoot,
    (v) => v === true,
  );
  return because('runAsNonRoot != true', [
    pod && 'pod must not set securityContext.runAsNonRoot=false',
    wrong.length > 0 && `${containers(wrong)} must not set securityContext.runAsNonRoot=false`,
    missing.length > 0 && `pod or ${containers(missing)} must set securityContext.runAsNonRoot=true`,
  ]);
};

const user: Check = (s) =>
  because('runAsUser=0', [
    s.spec.securityContext?.runAsUser === 0 && 'pod must not set runAsUser=0',
    offenders(s, (c) => c.securityContext?.runAsUser === 0, 'must not set runAsUser=0'),
  ]);

const seccomp: Check = (s) => {
  const { pod, wrong, missing } = unset(
    s,
    s.spec.securityContext?.seccompProfile?.type,
    (c) => c.securityContext?.seccompProfile?.type,
    (v) => v === 'RuntimeDefault' || v === 'Localhost',
  );
  const never = 'must not set securityContext.seccompProfile.type to "Unconfined"';
  const must = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"';
  return because('seccompProfile', [
    pod && `pod ${never}`,
    wrong.length > 0 && `${containers(wrong)} ${never}`,
    missing.length > 0 && `pod or ${containers(missing)} ${must}`,
  ]);
};

/** Since then a rule that makes sense on Linux only is not asked of pods for Windows. */
const WINDOWS_SPARED = 25;
const ofLinux =
  (check: Check): Check =>
  (s, minor) =>
    minor >= WINDOWS_SPARED && s.spec.os?.name === 'windows' ? undefined : check(s, minor);

/** A rule of the level restricted. */
export interface RestrictedRule {
  readonly check: Check;
  /** The first version that has it. */
  readonly since: number;
}

/** Pod Security Standards, level restricted: on top of the baseline. */
export const RESTRICTED: readonly RestrictedRule[] = [
  { check: ofLinux(escalation), since: 8 },
  { check: ofLinux(capabilities), since: 22 },
  { check: volumeTypes, since: 0 },
  { check: nonRoot, since: 0 },
  { check: user, since: 23 },
  { check: ofLinux(seccomp), since: 19 },
];
