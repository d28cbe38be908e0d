import type { ServiceSpec } from '#api/kinds/core/service/spec.ts';
import { sameJson } from '#api/meta/equal.ts';
import { type FieldError, invalid } from '#api/meta/fielderrors.ts';
import { familyOf, type IpFamily, otherFamily } from '#api/meta/ip.ts';

const NOT_CONFIGURED = 'not configured on this cluster';
const POLICY = 'spec.ipFamilyPolicy';

const isSingle = (spec: ServiceSpec): boolean => spec.ipFamilyPolicy === 'SingleStack';
const isSelectorless = (spec: ServiceSpec): boolean => Object.keys(spec.selector ?? {}).length === 0;

/** A Service that prefers both families is not touched because the cluster has got, or lost, the second one. */
const staysAsItIs = (spec: ServiceSpec, old: ServiceSpec): boolean =>
  spec.ipFamilyPolicy === 'PreferDualStack' &&
  old.ipFamilyPolicy === 'PreferDualStack' &&
  sameJson(spec.clusterIPs, old.clusterIPs) &&
  sameJson(spec.ipFamilies, old.ipFamilies);

/** Without a policy it stays what it was; a new one is single-stack, unless its endpoints are up to its owner. */
function settlePolicy(spec: ServiceSpec, old: ServiceSpec | undefined): void {
  const free = spec.clusterIP === 'None' && isSelectorless(spec);
  spec.ipFamilyPolicy ??= old?.ipFamilyPolicy ?? (free ? 'RequireDualStack' : 'SingleStack');
}

/** "SingleStack" alone gives the second address back; to take it away without saying so is a mistake. */
function release(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (isSingle(spec)) {
    if (sameJson(spec.clusterIPs, old.clusterIPs)) spec.clusterIPs = spec.clusterIPs?.slice(0, 1);
    if (sameJson(spec.ipFamilies, old.ipFamilies)) spec.ipFamilies = spec.ipFamilies?.slice(0, 1);
    return [];
  }
  const reduced = (now: readonly string[] = [], before: readonly string[] = []): boolean =>
    now.length > 0 && now.length < before.length;
  const problem = (what: string): FieldError =>
    invalid(POLICY, spec.ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`);
  return [
    ...(reduced(spec.clusterIPs, old.clusterIPs) ? [problem('cluster IP')] : []),
    ...(reduced(spec.ipFamilies, old.ipFamilies) ? [problem('IP family')] : []),
  ];
}

function tooMany(spec: ServiceSpec): FieldError[] {
  if (!isSingle(spec)) return [];
  const problem = (what: string): FieldError =>
    invalid(
      POLICY,
      spec.ipFamilyPolicy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    );
  return [
    ...(spec.clusterIPs?.length === 2 ? [problem('cluster IPs')] : []),
    ...(spec.ipFamilies?.length === 2 ? [problem('IP families')] : []),
  ];
}

/** Families of addresses the client has chosen. */
function infer(spec: ServiceSpec, configured: readonly IpFamily[]): FieldError[] {
  const ips = spec.clusterIP === 'None' ? [] : (spec.clusterIPs ?? []);
  const families = [...(spec.ipFamilies ?? [])];
  const found: FieldError[] = [];
  for (const [i, ip] of ips.entries()) {
    if (i < families.length) continue;
    const family = familyOf(ip);
    if (configured.includes(family)) families.push(family);
    else found.push(invalid(`spec.clusterIPs[${i}]`, ips, `${family} is ${NOT_CONFIGURED}`));
  }
  if (families.length > 0) spec.ipFamilies = families;
  return found;
}

function unavailable(spec: ServiceSpec, configured: readonly IpFamily[]): FieldError[] {
  const found: FieldError[] = [];
  if (spec.ipFamilyPolicy === 'RequireDualStack' && configured.length < 2) {
    found.push(invalid(POLICY, spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services'));
  }
  for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
    if (!configured.includes(family)) found.push(invalid(`spec.ipFamilies[${i}]`, family, NOT_CONFIGURED));
  }
  return found;
}

/**
 * Pure but for `spec`, which gets its policy and families, and loses the second address if it gives it up ("IPv4/IPv6
 * dual-stack", Services). The object has been validated.
 * @param configured families of the cluster's service ranges, the primary one first
 * @returns what is wrong with them in this cluster
 */
export function settleFamilies(
  spec: ServiceSpec,
  old: ServiceSpec | undefined,
  configured: readonly IpFamily[],
): FieldError[] {
  if (spec.type === 'ExternalName' || (old && staysAsItIs(spec, old))) return [];
  settlePolicy(spec, old);
  const problems = [...(old ? release(spec, old) : []), ...tooMany(spec), ...infer(spec, configured)];
  if (problems.length > 0) return problems;
  const free = spec.clusterIP === 'None' && isSelectorless(spec);
  if (!free) problems.push(...unavailable(spec, configured));
  if (problems.length > 0) return problems;
  const first = spec.ipFamilies?.[0] ?? configured[0] ?? 'IPv4';
  const wantsBoth = !isSingle(spec) && (free || configured.length === 2);
  spec.ipFamilies = wantsBoth ? [first, otherFamily(first)] : (spec.ipFamilies ?? [first]);
  return [];
}
