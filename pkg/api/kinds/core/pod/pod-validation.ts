import { isIP } from 'node:net';
import { duplicate, type FieldError, forbidden, invalid, required } from '../../../meta/fielderrors.ts';
import { validateLabels } from '../../../meta/labels.ts';
import { dnsLabel, dnsSubdomain, qualifiedName } from '../../../meta/names.ts';
import { validateAnnotations } from '../../../meta/validate-meta.ts';
import { invalidFor, ipAddress, oneOfRequired, optionalSubdomain } from '../../check/check.ts';
import { validateContainers } from './container-validation.ts';
import type { Pod } from './pod.ts';
import { validatePodUpdate } from './pod-update-validation.ts';
import { validateResources } from './resource-validation.ts';
import { validateScheduling } from './scheduling-validation.ts';
import { validatePodSecurity } from './security-validation.ts';
import type { PodSpec, PodTemplateSpec } from './spec.ts';
import { validateVolumes } from './volume-validation.ts';

const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const MAX_INT32 = 2 ** 31 - 1;
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARACTERS = 2048;

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
  return [...found, ...validateSearches(`${path}.dnsConfig.searches`, spec.dnsConfig?.searches ?? [])];
}

/** Search domains, which may have underscores and end with a dot; a dot alone is the root. */
function validateSearches(path: string, searches: readonly string[]): FieldError[] {
  const found: FieldError[] = [];
  if (searches.length > MAX_SEARCHES) {
    found.push(invalid(path, searches, `must not have more than ${MAX_SEARCHES} search paths`));
  }
  if (searches.join(' ').length > MAX_SEARCH_CHARACTERS) {
    const why = `must not have more than ${MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list`;
    found.push(invalid(path, searches, why));
  }
  for (const [i, s] of searches.entries()) {
    if (s === '.') continue;
    const name = s.replace(/\.$/, '').replaceAll('_', 'x');
    found.push(...invalidFor(`${path}[${i}]`, s, dnsSubdomain(name)));
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
    for (const [j, name] of (alias.hostnames ?? []).entries()) {
      found.push(...invalidFor(`${path}.hostAliases[${i}].hostnames[${j}]`, name, dnsSubdomain(name)));
    }
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
  const volumes = validateVolumes(`${path}.volumes`, spec.volumes);
  const found = [
    ...volumes.found,
    ...validateContainers(path, { spec, volumes: volumes.usable }),
    ...oneOfRequired(`${path}.restartPolicy`, spec.restartPolicy, RESTART_POLICIES),
    ...validateDns(path, spec),
    ...validateLabels(spec.nodeSelector, `${path}.nodeSelector`),
    ...validatePodSecurity(path, spec),
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
  const found = [
    ...validateLabels(template?.metadata?.labels, `${path}.labels`),
    ...validateAnnotations(template?.metadata?.annotations, `${path}.annotations`),
  ];
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
