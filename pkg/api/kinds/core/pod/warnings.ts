import type { KubeObject } from '../../../meta/objectmeta.ts';
import { isQuantity, nanoValue } from '../../../meta/quantity.ts';
import type { Container } from './container.ts';
import type { PodSpec } from './spec.ts';

/** Labels of nodes that have other names today, and since when. */
const RENAMED: ReadonlyMap<string, readonly [since: string, now: string]> = new Map([
  ['beta.kubernetes.io/arch', ['v1.14', 'kubernetes.io/arch']],
  ['beta.kubernetes.io/os', ['v1.14', 'kubernetes.io/os']],
  ['beta.kubernetes.io/instance-type', ['v1.17', 'node.kubernetes.io/instance-type']],
  ['failure-domain.beta.kubernetes.io/region', ['v1.17', 'topology.kubernetes.io/region']],
  ['failure-domain.beta.kubernetes.io/zone', ['v1.17', 'topology.kubernetes.io/zone']],
]);
/** Sources of volumes that are gone or will be. */
const DEPRECATED = [
  ['gitRepo', 'deprecated in v1.11'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
] as const;
const SECCOMP = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_PREFIX = 'container.seccomp.security.alpha.kubernetes.io/';
const APPARMOR_PREFIX = 'container.apparmor.security.beta.kubernetes.io/';
const WHOLE = 1_000_000_000n;

/** Where a pod template is in an object, and what it says. */
export interface Template {
  /** "spec.template." or "". */
  readonly path: string;
  readonly metadata?: KubeObject['metadata'] | undefined;
  readonly spec?: PodSpec | undefined;
}

function* ofAnnotations({ path, metadata }: Template): Generator<string> {
  for (const key of Object.keys(metadata?.annotations ?? {})) {
    const at = `${path}metadata.annotations[${key}]`;
    if (key === SECCOMP || key.startsWith(SECCOMP_PREFIX)) {
      yield `${at}: non-functional in v1.27+; use the "seccompProfile" field instead`;
    }
    if (key.startsWith(APPARMOR_PREFIX)) yield `${at}: deprecated since v1.30; use the "appArmorProfile" field instead`;
  }
}

function* ofResources(c: Container, path: string): Generator<string> {
  for (const part of ['limits', 'requests'] as const) {
    for (const name of ['memory', 'ephemeral-storage']) {
      const value = c.resources?.[part]?.[name];
      if (value === undefined || !isQuantity(value) || nanoValue(value) % WHOLE === 0n) continue;
      yield `${path}.resources.${part}[${name}]: fractional byte value "${value}" is invalid, must be an integer`;
    }
  }
}

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution';

/** Where a selector of pods is missing that would have to be there to select any. */
function* withoutSelector(spec: PodSpec | undefined): Generator<string> {
  for (const [i, c] of (spec?.topologySpreadConstraints ?? []).entries()) {
    if (!c.labelSelector) yield `topologySpreadConstraints[${i}].labelSelector`;
  }
  for (const kind of ['podAffinity', 'podAntiAffinity'] as const) {
    const terms = spec?.affinity?.[kind];
    for (const [i, t] of (terms?.[REQUIRED] ?? []).entries()) {
      if (!t.labelSelector) yield `affinity.${kind}.${REQUIRED}[${i}].labelSelector`;
    }
    for (const [i, w] of (terms?.[PREFERRED] ?? []).entries()) {
      if (!w.podAffinityTerm?.labelSelector) yield `affinity.${kind}.${PREFERRED}[${i}].podAffinityTerm.labelSelector`;
    }
  }
}

function* ofContainer(c: Container, path: string): Generator<string> {
  const names = new Set<string>();
  for (const [i, { name }] of (c.env ?? []).entries()) {
    if (names.has(name)) {
      yield `${path}.env[${i}]: hides previous definition of "${name}", which may be dropped when using apply`;
    }
    names.add(name);
  }
  const ports = new Map<string, number>();
  for (const [i, p] of (c.ports ?? []).entries()) {
    const key = `${p.containerPort}/${p.protocol ?? 'TCP'}/${p.hostIP ?? ''}/${p.hostPort ?? 0}`;
    const before = ports.get(key);
    if (before !== undefined) yield `${path}.ports[${i}]: duplicate port definition with ${path}.ports[${before}]`;
    else ports.set(key, i);
  }
  yield* ofResources(c, path);
}

/** What Kubernetes warns of in a pod or a template of pods, though it takes it. */
export function podWarnings(t: Template): string[] {
  const { path, spec } = t;
  const at = `${path}spec`;
  const found = [...ofAnnotations(t)];
  for (const key of Object.keys(spec?.nodeSelector ?? {})) {
    const [since, now] = RENAMED.get(key) ?? [];
    if (now) found.push(`${at}.nodeSelector[${key}]: deprecated since ${since}; use "${now}" instead`);
  }
  const grace = spec?.terminationGracePeriodSeconds;
  if (grace !== undefined && grace < 0) {
    found.push(
      `${at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
    );
  }
  for (const [i, s] of (spec?.imagePullSecrets ?? []).entries()) {
    if (!s.name) found.push(`${at}.imagePullSecrets[${i}].name: invalid empty name ""`);
  }
  for (const [i, v] of (spec?.volumes ?? []).entries()) {
    for (const [source, since] of DEPRECATED) if (v[source]) found.push(`${at}.volumes[${i}].${source}: ${since}`);
  }
  for (const where of withoutSelector(spec))
    found.push(`${at}.${where}: a null labelSelector results in matching no pod`);
  for (const kind of ['initContainers', 'containers'] as const) {
    for (const [i, c] of (spec?.[kind] ?? []).entries()) found.push(...ofContainer(c, `${at}.${kind}[${i}]`));
  }
  return found;
}

/** The warnings of kinds that hold a template of pods there. */
export const templateWarnings =
  <T extends KubeObject>(path: string, of: (o: T) => Omit<Template, 'path'> | undefined) =>
  (o: T): string[] =>
    podWarnings({ path: `${path}.`, ...of(o) });
