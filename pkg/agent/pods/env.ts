import type { Container, Pod } from '#api/kinds/index.ts';
import { milliValue, wholeValue } from '#api/meta/quantity.ts';

/** Where values come from that are not in the pod. Missing keys or objects are undefined. */
export interface EnvSources {
  configMap(name: string): Promise<{ data?: Record<string, string> } | undefined>;
  /** Decoded values. */
  secret(name: string): Promise<Record<string, string> | undefined>;
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
  readonly nodeName: string;
  /** Variables that name the services of the namespace. */
  readonly services: readonly (readonly [string, string])[];
  readonly allocatable: Readonly<Record<string, string>>;
}

/** A container that cannot be configured: reason CreateContainerConfigError. */
export class ConfigError extends Error {}

/** Value of `fieldRef.fieldPath` ("Downward API"). @throws ConfigError for fields that are not offered */
export function fieldValue(pod: Pod, path: string, s: Pick<EnvSources, 'podIps' | 'hostIps' | 'nodeName'>): string {
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed) return pod.metadata?.[keyed[1] as 'labels' | 'annotations']?.[keyed[2] ?? ''] ?? '';
  const pairs = (m: Record<string, string> | undefined): string =>
    Object.entries(m ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => `${k}=${JSON.stringify(v)}`)
      .join('\n');
  const values: Record<string, () => string> = {
    'metadata.name': () => pod.metadata?.name ?? '',
    'metadata.namespace': () => pod.metadata?.namespace ?? '',
    'metadata.uid': () => pod.metadata?.uid ?? '',
    'metadata.labels': () => pairs(pod.metadata?.labels),
    'metadata.annotations': () => pairs(pod.metadata?.annotations),
    'spec.nodeName': () => s.nodeName,
    'spec.serviceAccountName': () => pod.spec?.serviceAccountName ?? '',
    'status.podIP': () => s.podIps[0] ?? '',
    'status.podIPs': () => s.podIps.join(','),
    'status.hostIP': () => s.hostIps[0] ?? '',
    'status.hostIPs': () => s.hostIps.join(','),
  };
  const value = values[path];
  if (!value) throw new ConfigError(`unsupported fieldPath: ${path}`);
  return value();
}

interface ResourceRef {
  readonly containerName?: string;
  readonly resource: string;
  readonly divisor?: string;
}

/** Value of `resourceFieldRef`; a missing limit means all the node has. */
export function resourceValue(
  pod: Pod,
  self: Container | undefined,
  ref: ResourceRef,
  allocatable: Readonly<Record<string, string>>,
): string {
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const c = ref.containerName ? all.find((x) => x.name === ref.containerName) : self;
  if (!c) throw new ConfigError(`container ${ref.containerName} not found`);
  const [kind, ...rest] = ref.resource.split('.');
  const name = rest.join('.');
  const list = kind === 'limits' ? (c.resources?.limits ?? {}) : (c.resources?.requests ?? {});
  const amount = list[name] ?? (kind === 'limits' ? allocatable[name] : undefined) ?? '0';
  const divisor = ref.divisor && ref.divisor !== '0' ? ref.divisor : '1';
  if (name === 'cpu') return String(Math.ceil(milliValue(amount) / milliValue(divisor)));
  return String(Math.ceil(wholeValue(amount) / wholeValue(divisor)));
}

/** $(VAR), or $$. */
const REFERENCE = /\$(?:\$|\(([^)]*)\))/g;

/** Names of the variables that `expand` would put in. Pure. */
export const variablesIn = (text: string): string[] =>
  [...text.matchAll(REFERENCE)].flatMap(([, name]) => (name === undefined ? [] : [name]));

/** Replaces $(VAR) by known variables; $$ is a literal dollar, unknown references stay. */
export function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(REFERENCE, (whole, name: string | undefined) => {
    if (name === undefined) return '$';
    return variables.get(name) ?? whole;
  });
}

/** The environment of a container, in order, later names winning ("Define Environment Variables for a Container"). */
export async function buildEnv(pod: Pod, c: Container, s: EnvSources): Promise<Map<string, string>> {
  const env = new Map<string, string>(s.services);
  for (const from of c.envFrom ?? []) {
    const ref = from.configMapRef ?? from.secretRef;
    const name = ref?.name ?? '';
    const data = from.configMapRef
      ? ((await s.configMap(name))?.data ?? (ref?.optional ? {} : undefined))
      : ((await s.secret(name)) ?? (ref?.optional ? {} : undefined));
    if (!data) {
      if (from.configMapRef && (await s.configMap(name))) continue;
      throw new ConfigError(`${from.configMapRef ? 'configmap' : 'secret'} "${name}" not found`);
    }
    for (const [k, v] of Object.entries(data)) env.set(`${from.prefix ?? ''}${k}`, v);
  }
  for (const e of c.env ?? []) {
    const value = e.valueFrom ? await sourced(pod, c, e.valueFrom, s) : expand(e.value ?? '', env);
    if (value !== undefined) env.set(e.name, value);
  }
  return env;
}

type ValueFrom = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>;

async function sourced(pod: Pod, c: Container, from: ValueFrom, s: EnvSources): Promise<string | undefined> {
  if (from.fieldRef) return fieldValue(pod, from.fieldRef.fieldPath, s);
  if (from.resourceFieldRef) return resourceValue(pod, c, from.resourceFieldRef, s.allocatable);
  const ref = from.configMapKeyRef ?? from.secretKeyRef;
  if (!ref) return undefined;
  const what = from.configMapKeyRef ? 'configmap' : 'secret';
  const name = ref.name ?? '';
  const data = from.configMapKeyRef ? (await s.configMap(name))?.data : await s.secret(name);
  const value = data?.[ref.key];
  if (value !== undefined) return value;
  if (ref.optional) return undefined;
  if (!data) throw new ConfigError(`${what} "${name}" not found`);
  throw new ConfigError(
    `couldn't find key ${ref.key} in ${what === 'configmap' ? 'ConfigMap' : 'Secret'} ${pod.metadata?.namespace}/${name}`,
  );
}
