import { isIP } from 'node:net';
import { duplicate, type FieldError, forbidden, invalid, required } from '../../../meta/fielderrors.ts';
import { validateLabels } from '../../../meta/labels.ts';
import { dnsLabel, qualifiedName } from '../../../meta/names.ts';
import { invalidFor, ipAddress, nonNegative, oneOfRequired, optionalSubdomain } from '../../check/check.ts';
import { validateContainers } from './container-validation.ts';
import type { Pod } from './pod.ts';
import { validatePodUpdate } from './pod-update-validation.ts';
import { validateResources } from './resource-validation.ts';
import { validateScheduling } from './scheduling-validation.ts';
import type { PodSpec, PodTemplateSpec } from './spec.ts';
import { validateVolumes } from './volume-validation.ts';

const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const MAX_INT32 = 2 ** 31 - 1;
const MAX_NAMESERVERS = 3;
const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;

function validateDns(path: string, spec: PodSpec): FieldError[] {
  const found = oneOfRequired(`${path}.dnsPolicy`, spec.dnsPolicy, DNS_POLICIES);
  const servers = spec.dnsConfig?.nameservers ?? [];
  const at = `${path}.dnsConfig.nameservers`;
  if (spec.dnsPolicy === 'None') {
    if (!spec.dnsConfig) found.push(required(`${path}.dnsConfig`, 'must provide `dnsConfig` when `dnsPolicy` is None'));
    else if (servers.length === 0) {
      found.push(required(at, 'must provide at least one DNS nameserver when `dnsPolicy` is None'));
    }
  }
  if (servers.length > MAX_NAMESERVERS) {
    found.push(invalid(at, servers, `must not have more than ${MAX_NAMESERVERS} nameservers`));
  }
  for (const [i, s] of servers.entries()) found.push(...ipAddress(`${at}[${i}]`, s));
  for (const [i, o] of (spec.dnsConfig?.options ?? []).entries()) {
    if (!o.name) found.push(required(`${path}.dnsConfig.options[${i}]`, 'must not be empty'));
  }
  return found;
}

function validateSecurity(path: string, spec: PodSpec): FieldError[] {
  const sc = spec.securityContext;
  const found: FieldError[] = [];
  if (sc) {
    found.push(
      ...nonNegative(`${path}.runAsUser`, sc.runAsUser),
      ...nonNegative(`${path}.runAsGroup`, sc.runAsGroup),
      ...nonNegative(`${path}.fsGroup`, sc.fsGroup),
      ...(sc.supplementalGroups ?? []).flatMap((g, i) => nonNegative(`${path}.supplementalGroups[${i}]`, g)),
    );
    const names = new Set<string>();
    for (const [i, s] of (sc.sysctls ?? []).entries()) {
      const at = `${path}.sysctls[${i}].name`;
      if (!s.name) found.push(required(at));
      else if (!SYSCTL.test(s.name)) {
        found.push(invalid(at, s.name, `must have at most 253 characters and match regex ${SYSCTL.source}`));
      } else if (names.has(s.name)) found.push(duplicate(at, s.name));
      names.add(s.name);
    }
  }
  if (spec.shareProcessNamespace && spec.hostPID) {
    found.push(
      invalid(`${path}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    );
  }
  return found;
}

function validateHosts(path: string, spec: PodSpec): FieldError[] {
  const found: FieldError[] = [];
  for (const k of ['hostname', 'subdomain'] as const) {
    const value = spec[k];
    if (value) found.push(...invalidFor(`${path}.${k}`, value, dnsLabel(value)));
  }
  for (const [i, alias] of (spec.hostAliases ?? []).entries()) {
    if (!isIP(alias.ip)) found.push(...ipAddress(`${path}.hostAliases[${i}].ip`, alias.ip));
  }
  return found;
}

function validateGates(path: string, spec: PodSpec): FieldError[] {
  const found = (spec.readinessGates ?? []).flatMap((g, i) =>
    invalidFor(`${path}.readinessGates[${i}].conditionType`, g.conditionType, qualifiedName(g.conditionType)),
  );
  const seen = new Set<string>();
  for (const [i, g] of (spec.schedulingGates ?? []).entries()) {
    const at = `${path}.schedulingGates[${i}]`;
    found.push(...invalidFor(at, g.name, qualifiedName(g.name)));
    if (seen.has(g.name)) found.push(duplicate(at, g.name));
    seen.add(g.name);
  }
  return found;
}

/** A pod spec at `path`: of a pod or of a template. */
export function validatePodSpec(path: string, spec: PodSpec): FieldError[] {
  const found = [
    ...validateVolumes(`${path}.volumes`, spec.volumes),
    ...validateContainers(path, { spec, volumes: new Map((spec.volumes ?? []).map((v) => [v.name, v])) }),
    ...oneOfRequired(`${path}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES),
    ...validateDns(path, spec),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...validateSecurity(`${path}.securityContext`, spec),
    ...(spec.imagePullSecrets ?? []).flatMap((s, i) =>
      s.name ? [] : [required(`${path}.imagePullSecrets[${i}].name`)],
    ),
    ...optionalSubdomain(`${path}.serviceAccountName`, spec.serviceAccountName),
    ...optionalSubdomain(`${path}.nodeName`, spec.nodeName),
    ...optionalSubdomain(`${path}.priorityClassName`, spec.priorityClassName),
    ...optionalSubdomain(`${path}.runtimeClassName`, spec.runtimeClassName),
    ...validateScheduling(path, spec),
    ...validateHosts(path, spec),
    ...validateGates(path, spec),
    ...validateResources(`${path}.resources`, spec.resources),
  ];
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > MAX_INT32)) {
    found.push(invalid(`${path}.activeDeadlineSeconds`, deadline, `must be between 1 and ${MAX_INT32}, inclusive`));
  }
  return found;
}

/** A pod template at `path`, such as `spec.template`. */
export function validatePodTemplate(path: string, template: PodTemplateSpec | undefined): FieldError[] {
  const found = validateLabels(template?.metadata?.labels, `${path}.labels`);
  const spec = template?.spec ?? { containers: [] };
  found.push(...validatePodSpec(`${path}.spec`, spec));
  if ((spec.ephemeralContainers ?? []).length > 0) {
    found.push(forbidden(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'));
  }
  return found;
}

/** A pod, and on an update what of it changed. */
export function validatePod(pod: Pod, old?: Pod): FieldError[] {
  const spec = pod.spec ?? { containers: [] };
  const found = validatePodSpec('spec', spec);
  if (!old) {
    if ((spec.ephemeralContainers ?? []).length > 0) {
      found.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'));
    }
    if (spec.nodeName && (spec.schedulingGates ?? []).length > 0) {
      found.push(forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
    }
    return found;
  }
  return [...found, ...validatePodUpdate(pod, old)];
}
