import { duplicate, type FieldError, forbidden, invalid, notFound, required } from '../../../meta/fielderrors.ts';
import { portName, portNumber } from '../../../meta/names.ts';
import { invalidFor, oneOfOptional, oneOfRequired, requiredLabel } from '../../check/check.ts';
import type { Container, VolumeMount } from './container.ts';
import { validateEnvironment } from './env-validation.ts';
import { validateLocalPath } from './local-path.ts';
import { validateProbes } from './probe-validation.ts';
import { validateResizePolicies, validateResources } from './resource-validation.ts';
import { validateContainerSecurity } from './security-validation.ts';
import { isSidecar } from './sidecars.ts';
import type { PodSpec } from './spec.ts';
import type { Volume } from './volumes.ts';

const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const MESSAGE_POLICIES = ['File', 'FallbackToLogsOnError'];
const PROPAGATION = ['None', 'HostToContainer', 'Bidirectional'];

/** What the checks of one container need to know of its pod. */
export interface PodContext {
  readonly spec: PodSpec;
  readonly volumes: ReadonlyMap<string, Volume>;
}

function validatePorts(path: string, c: Container, hostNetwork: boolean): FieldError[] {
  const found: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, p] of (c.ports ?? []).entries()) {
    const at = `${path}.ports[${i}]`;
    if (p.name) {
      const messages = portName(p.name);
      if (messages.length > 0) found.push(...invalidFor(`${at}.name`, p.name, messages));
      else if (names.has(p.name)) found.push(duplicate(`${at}.name`, p.name));
      names.add(p.name);
    }
    if (!p.containerPort) found.push(required(`${at}.containerPort`));
    else found.push(...invalidFor(`${at}.containerPort`, p.containerPort, portNumber(p.containerPort)));
    if (p.hostPort) found.push(...invalidFor(`${at}.hostPort`, p.hostPort, portNumber(p.hostPort)));
    found.push(...oneOfRequired(`${at}.protocol`, p.protocol, PROTOCOLS));
    if (hostNetwork && p.hostPort !== p.containerPort) {
      const why = 'must match `hostPort` when `hostNetwork` is true';
      found.push(invalid(`${at}.containerPort`, p.containerPort, why));
    }
  }
  return found;
}

/** @param list where the mounts stand: Kubernetes blames it, without the mount's index, for paths and propagation */
function validateMount(list: string, i: number, m: VolumeMount, context: PodContext, c: Container): FieldError[] {
  const path = `${list}[${i}]`;
  const found: FieldError[] = [];
  const volume = context.volumes.get(m.name);
  if (!m.name) found.push(required(`${path}.name`));
  if (!volume) found.push(notFound(`${path}.name`, m.name ?? ''));
  if (!m.mountPath) found.push(required(`${path}.mountPath`));
  if (m.subPath) found.push(...validateLocalPath(`${list}.subPath`, m.subPath));
  if (m.subPathExpr) {
    if (m.subPath)
      found.push(invalid(`${path}.subPathExpr`, m.subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
    found.push(...validateLocalPath(`${list}.subPathExpr`, m.subPathExpr));
  }
  const propagation = m.mountPropagation;
  found.push(...oneOfOptional(`${list}.mountPropagation`, propagation, PROPAGATION));
  if (propagation === 'Bidirectional' && !c.securityContext?.privileged) {
    found.push(
      forbidden(
        `${list}.mountPropagation`,
        'Bidirectional mount propagation is available only to privileged containers',
      ),
    );
  }
  return [...found, ...validateRecursiveReadOnly(path, m)];
}

/** Mounts below can only be read-only where the mount itself is, and none can come later. */
function validateRecursiveReadOnly(path: string, m: VolumeMount): FieldError[] {
  const { recursiveReadOnly: mode, mountPropagation: propagation = 'None' } = m;
  const at = `${path}.recursiveReadOnly`;
  const found = oneOfOptional(at, mode, ['Disabled', 'Enabled', 'IfPossible']);
  if (mode !== 'Enabled' && mode !== 'IfPossible') return found;
  if (!m.readOnly) found.push(forbidden(at, 'may only be specified when readOnly is true'));
  if (propagation !== 'None') {
    found.push(forbidden(at, 'may only be specified when mountPropagation is None or not specified'));
  }
  return found;
}

function validateMounts(path: string, c: Container, context: PodContext): FieldError[] {
  const found: FieldError[] = [];
  const paths = new Set<string>();
  for (const [i, m] of (c.volumeMounts ?? []).entries()) {
    found.push(...validateMount(`${path}.volumeMounts`, i, m, context, c));
    if (paths.has(m.mountPath))
      found.push(invalid(`${path}.volumeMounts[${i}].mountPath`, m.mountPath, 'must be unique'));
    paths.add(m.mountPath);
  }
  for (const [i, d] of (c.volumeDevices ?? []).entries()) {
    const at = `${path}.volumeDevices[${i}]`;
    if (!d.name) found.push(required(`${at}.name`));
    else if (!context.volumes.has(d.name)) found.push(notFound(`${at}.name`, d.name));
    if (!d.devicePath) found.push(required(`${at}.devicePath`));
    else if (paths.has(d.devicePath)) {
      found.push(invalid(`${at}.devicePath`, d.devicePath, 'must not already exist in volumeMounts'));
    }
  }
  return found;
}

/** Checks that hold for containers of every sort. */
export function validateCommon(path: string, c: Container, context: PodContext): FieldError[] {
  const found = requiredLabel(`${path}.name`, c.name);
  if (!c.image) found.push(required(`${path}.image`));
  else if (c.image.trim() !== c.image) {
    found.push(invalid(`${path}.image`, c.image, 'must not have leading or trailing whitespace'));
  }
  found.push(
    ...oneOfRequired(`${path}.terminationMessagePolicy`, c.terminationMessagePolicy, MESSAGE_POLICIES),
    ...validatePorts(path, c, context.spec.hostNetwork ?? false),
    ...validateEnvironment(path, c),
    ...validateMounts(path, c, context),
    ...oneOfRequired(`${path}.imagePullPolicy`, c.imagePullPolicy, PULL_POLICIES),
    ...validateResources(`${path}.resources`, c.resources),
    ...validateContainerSecurity(`${path}.securityContext`, c, context.spec),
    ...validateResizePolicies(`${path}.resizePolicy`, c, context.spec.restartPolicy),
  );
  return found;
}

/** Two containers of a pod cannot take the same port of the node. */
function validateHostPorts(path: string, containers: readonly Container[]): FieldError[] {
  const taken = new Set<string>();
  const found: FieldError[] = [];
  for (const [i, c] of containers.entries()) {
    for (const [j, p] of (c.ports ?? []).entries()) {
      if (!p.hostPort) continue;
      const key = `${p.protocol}/${p.hostIP ?? ''}/${p.hostPort}`;
      if (taken.has(key)) found.push(duplicate(`${path}[${i}].ports[${j}].hostPort`, key));
      taken.add(key);
    }
  }
  return found;
}

function validateMain(path: string, context: PodContext, names: Set<string>): FieldError[] {
  const list = context.spec.containers ?? [];
  if (list.length === 0) return [required(path)];
  const grace = context.spec.terminationGracePeriodSeconds;
  const found: FieldError[] = [];
  for (const [i, c] of list.entries()) {
    const at = `${path}[${i}]`;
    found.push(...validateCommon(at, c, context));
    if (c.name && names.has(c.name)) found.push(duplicate(`${at}.name`, c.name));
    names.add(c.name);
    found.push(...validateProbes(at, c, grace));
    if (c.restartPolicy) found.push(forbidden(`${at}.restartPolicy`, 'may not be set for non-init containers'));
  }
  return [...found, ...validateHostPorts(path, list)];
}

const NOT_ON_INIT = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;

function validateInit(path: string, context: PodContext, names: Set<string>): FieldError[] {
  const found: FieldError[] = [];
  for (const [i, c] of (context.spec.initContainers ?? []).entries()) {
    const at = `${path}[${i}]`;
    const sidecar = isSidecar(c);
    found.push(...validateCommon(at, c, context));
    if (c.restartPolicy && !sidecar) found.push(...oneOfRequired(`${at}.restartPolicy`, c.restartPolicy, ['Always']));
    if (c.name && names.has(c.name)) found.push(duplicate(`${at}.name`, c.name));
    names.add(c.name);
    if (sidecar) found.push(...validateProbes(at, c, context.spec.terminationGracePeriodSeconds));
    else {
      for (const k of NOT_ON_INIT) {
        if (!c[k]) continue;
        found.push(forbidden(`${at}.${k}`, 'may not be set for init containers without restartPolicy=Always'));
      }
    }
    found.push(...validateHostPorts(path, [c]));
  }
  return found;
}

const NOT_ON_EPHEMERAL = [
  'ports',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resources',
  'resizePolicy',
  'restartPolicy',
] as const;
const NOT_ON_EPHEMERAL_MOUNT = ['subPath', 'subPathExpr'] as const;
const EPHEMERAL_WHY = 'cannot be set for an Ephemeral Container';

/** Set to something: defaults leave empty objects. */
const isSet = (value: unknown): boolean =>
  typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value);

function validateEphemeral(path: string, context: PodContext, names: Set<string>): FieldError[] {
  const found: FieldError[] = [];
  for (const [i, c] of (context.spec.ephemeralContainers ?? []).entries()) {
    const at = `${path}[${i}]`;
    found.push(...validateCommon(at, c as Container, context));
    if (c.name && names.has(c.name)) found.push(duplicate(`${at}.name`, c.name));
    names.add(c.name);
    const target = c.targetContainerName;
    if (target && !context.spec.containers?.some((m) => m.name === target)) {
      found.push(notFound(`${at}.targetContainerName`, target));
    }
    for (const k of NOT_ON_EPHEMERAL) if (isSet(c[k])) found.push(forbidden(`${at}.${k}`, EPHEMERAL_WHY));
    for (const [j, m] of (c.volumeMounts ?? []).entries()) {
      for (const k of NOT_ON_EPHEMERAL_MOUNT) {
        if (m[k]) found.push(forbidden(`${at}.volumeMounts[${j}].${k}`, EPHEMERAL_WHY));
      }
    }
  }
  return found;
}

/** All containers of a pod; `path` is that of the spec. */
export function validateContainers(path: string, context: PodContext): FieldError[] {
  const names = new Set<string>();
  return [
    ...validateMain(`${path}.containers`, context, names),
    ...validateInit(`${path}.initContainers`, context, names),
    ...validateEphemeral(`${path}.ephemeralContainers`, context, names),
  ];
}
