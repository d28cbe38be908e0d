import { type FieldError, invalid, notSupported, required } from '../../../meta/fielderrors.ts';
import { configMapKey, dnsSubdomain, qualifiedName } from '../../../meta/names.ts';
import { compareQuantities } from '../../../meta/quantity.ts';
import { invalidFor } from '../../check/check.ts';
import type { Container } from './container.ts';
import type { EnvFromSource, EnvVar, ObjectFieldSelector, ResourceFieldSelector } from './env.ts';

/** Since v1.32 every printable ASCII character but "=" may be in the name of a variable. */
const VARIABLE_NAME = /^[ -<>-~]+$/;
const VARIABLE_MESSAGE =
  "a valid environment variable name must consist only of printable ASCII characters other than '='";

export const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
export const ENV_RESOURCES = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];

const KNOWN_FIELDS = [...ENV_FIELDS, 'metadata.labels', 'metadata.annotations', 'spec.hostname', 'spec.restartPolicy'];
const SUBSCRIPT = /^(metadata\.(?:labels|annotations))\['(.*)'\]$/;

/** A reference to a field of the pod; `allowed` are the paths without a subscript. */
export function validateFieldRef(path: string, ref: ObjectFieldSelector, allowed: readonly string[]): FieldError[] {
  if (!ref.apiVersion) return [required(`${path}.apiVersion`)];
  if (!ref.fieldPath) return [required(`${path}.fieldPath`)];
  const subscript = SUBSCRIPT.exec(ref.fieldPath);
  if (subscript) {
    const key = subscript[2] ?? '';
    const messages = qualifiedName(subscript[1] === 'metadata.annotations' ? key.toLowerCase() : key);
    return invalidFor(path, key, messages);
  }
  if (allowed.includes(ref.fieldPath)) return [];
  if (!KNOWN_FIELDS.includes(ref.fieldPath)) {
    const why = `error converting fieldPath: field label not supported: ${ref.fieldPath}`;
    return [invalid(`${path}.fieldPath`, ref.fieldPath, why)];
  }
  return [notSupported(`${path}.fieldPath`, ref.fieldPath, allowed)];
}

const PROCESSOR_DIVISORS = ['1m', '1'];
const BYTE_DIVISORS = [
  '1',
  ...['k', 'M', 'G', 'T', 'P', 'E', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'].map((unit) => `1${unit}`),
];
/** What a resource may be divided by, and how it is called then. */
const DIVISORS: Readonly<Record<string, readonly [allowed: readonly string[], said: string]>> = {
  cpu: [PROCESSOR_DIVISORS, `${PROCESSOR_DIVISORS.join(' and ')} are supported with the cpu resource`],
  memory: [BYTE_DIVISORS, `${BYTE_DIVISORS.join(', ')} are supported with the memory resource`],
  'ephemeral-storage': [
    BYTE_DIVISORS,
    `${BYTE_DIVISORS.join(', ')} are supported with the local ephemeral storage resource`,
  ],
  hugepages: [BYTE_DIVISORS, `${BYTE_DIVISORS.join(', ')} are supported with the hugepages resource`],
};

function validateDivisor(path: string, { resource, divisor }: ResourceFieldSelector): FieldError[] {
  if (divisor === undefined || compareQuantities(divisor, '0') === 0) return [];
  const [, name = ''] = /^(?:limits|requests)\.(hugepages(?=-)|.*)/.exec(resource) ?? [];
  const [allowed, said] = DIVISORS[name] ?? [];
  return allowed && !allowed.includes(divisor)
    ? [invalid(`${path}.divisor`, resource, `only divisor's values ${said}`)]
    : [];
}

/** A reference to a limit or request of a container; volumes must name the container. */
export function validateResourceRef(path: string, ref: ResourceFieldSelector, inVolume: boolean): FieldError[] {
  const { resource } = ref;
  const found: FieldError[] = [];
  if (inVolume && !ref.containerName) found.push(required(`${path}.containerName`));
  else if (!resource) found.push(required(`${path}.resource`));
  else if (!ENV_RESOURCES.includes(resource) && !/^(limits|requests)\.hugepages-/.test(resource)) {
    found.push(notSupported(`${path}.resource`, resource, ENV_RESOURCES));
  }
  return [...found, ...validateDivisor(path, ref)];
}

interface KeyRef {
  name?: string;
  key: string;
}

function validateKeyRef(path: string, ref: KeyRef): FieldError[] {
  const found = invalidFor(`${path}.name`, ref.name ?? '', dnsSubdomain(ref.name ?? ''));
  if (!ref.key) found.push(required(`${path}.key`));
  else found.push(...invalidFor(`${path}.key`, ref.key, configMapKey(ref.key)));
  return found;
}

function validateValueFrom(path: string, env: EnvVar): FieldError[] {
  const from = env.valueFrom;
  if (!from) return [];
  const found: FieldError[] = [];
  if (from.fieldRef) found.push(...validateFieldRef(`${path}.fieldRef`, from.fieldRef, ENV_FIELDS));
  if (from.resourceFieldRef) {
    found.push(...validateResourceRef(`${path}.resourceFieldRef`, from.resourceFieldRef, false));
  }
  if (from.configMapKeyRef) found.push(...validateKeyRef(`${path}.configMapKeyRef`, from.configMapKeyRef));
  if (from.secretKeyRef) found.push(...validateKeyRef(`${path}.secretKeyRef`, from.secretKeyRef));
  const sources = [from.fieldRef, from.resourceFieldRef, from.configMapKeyRef, from.secretKeyRef].filter(
    Boolean,
  ).length;
  if (sources === 0) {
    const why = 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`';
    found.push(invalid(path, '', why));
  } else if (env.value) found.push(invalid(path, '', 'may not be specified when `value` is not empty'));
  else if (sources > 1) found.push(invalid(path, '', 'may not have more than one field specified at a time'));
  return found;
}

const validateSourceName = (path: string, name: string | undefined): FieldError[] =>
  name ? invalidFor(path, name, dnsSubdomain(name)) : [required(path)];

/** @param list where the sources stand: it is blamed for those that are none, or two */
function validateEnvFrom(list: string, i: number, from: EnvFromSource): FieldError[] {
  const path = `${list}[${i}]`;
  const found: FieldError[] = [];
  if (from.prefix && !VARIABLE_NAME.test(from.prefix))
    found.push(invalid(`${path}.prefix`, from.prefix, VARIABLE_MESSAGE));
  const { configMapRef, secretRef } = from;
  if (configMapRef) found.push(...validateSourceName(`${path}.configMapRef.name`, configMapRef.name));
  if (secretRef) found.push(...validateSourceName(`${path}.secretRef.name`, secretRef.name));
  const sources = [configMapRef, secretRef].filter(Boolean).length;
  if (sources === 0) found.push(invalid(list, '', 'must specify one of: `configMapRef` or `secretRef`'));
  if (sources > 1) found.push(invalid(list, '', 'may not have more than one field specified at a time'));
  return found;
}

/** `env` and `envFrom` of a container. */
export function validateEnvironment(path: string, c: Container): FieldError[] {
  const found: FieldError[] = [];
  for (const [i, env] of (c.env ?? []).entries()) {
    const at = `${path}.env[${i}]`;
    if (!env.name) found.push(required(`${at}.name`));
    else if (!VARIABLE_NAME.test(env.name)) found.push(invalid(`${at}.name`, env.name, VARIABLE_MESSAGE));
    found.push(...validateValueFrom(`${at}.valueFrom`, env));
  }
  for (const [i, from] of (c.envFrom ?? []).entries()) found.push(...validateEnvFrom(`${path}.envFrom`, i, from));
  return found;
}
