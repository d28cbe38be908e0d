import { sameJson } from '../../../meta/equal.ts';
import { FAMILIES } from '../../../meta/families.ts';
import { duplicate, type FieldError, invalid, notSupported, required } from '../../../meta/fielderrors.ts';
import { familyOf } from '../../../meta/ip.ts';
import { ipAddress, isAddress, oneOfOptional } from '../../check/check.ts';
import type { ServiceSpec } from './spec.ts';

const KNOWN: readonly string[] = FAMILIES;
const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const UNCHANGEABLE = 'may not change once set';

export const isHeadless = (spec: ServiceSpec): boolean => spec.clusterIP === 'None';

function validateList(families: readonly string[]): FieldError[] {
  return families.flatMap((family, i) => {
    const path = `spec.ipFamilies[${i}]`;
    return [
      ...(KNOWN.includes(family) ? [] : [notSupported(path, family, KNOWN)]),
      ...(families.indexOf(family) < i ? [duplicate(path, family)] : []),
    ];
  });
}

function validateTogether({ clusterIP = '', clusterIPs = [] }: ServiceSpec): FieldError[] {
  if (!clusterIP) {
    if (clusterIPs.length === 0) return [];
    return [invalid('spec.clusterIPs', clusterIPs, 'must be empty when `clusterIP` is not specified')];
  }
  if (clusterIPs.length === 0) return [required('spec.clusterIPs')];
  if (clusterIPs[0] === clusterIP) return [];
  return [invalid('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`')];
}

/** Each an address, "None" only alone. */
function validateEach(ips: readonly string[]): FieldError[] {
  if (ips[0] === 'None') {
    if (ips.length === 1) return [];
    return [invalid('spec.clusterIPs', ips, "'None' must be the first and only value")];
  }
  return ips.flatMap((ip, i) => ipAddress(`spec.clusterIPs[${i}]`, ip));
}

function validateAsFamilies(spec: ServiceSpec): FieldError[] {
  const { clusterIPs: ips = [], ipFamilies = [] } = spec;
  const found: FieldError[] = [];
  if (ips.length > 1 && new Set(ips.map(familyOf)).size < ips.length) {
    found.push(invalid('spec.clusterIPs', ips, 'may specify no more than one IP for each IP family'));
  }
  for (const [i, family] of ipFamilies.entries()) {
    const ip = ips[i];
    if (ip === undefined || !KNOWN.includes(family) || familyOf(ip) === family) continue;
    found.push(
      invalid(`spec.clusterIPs[${i}]`, ip, `expected an ${family} value as indicated by \`ipFamilies[${i}]\``),
    );
  }
  return found;
}

/** Checks of addresses and their families that need no knowledge of the cluster ("IPv4/IPv6 dual-stack"). */
export function validateFamilies(spec: ServiceSpec): FieldError[] {
  const ips = spec.clusterIPs ?? [];
  const found = [
    ...validateTogether(spec),
    ...validateList(spec.ipFamilies ?? []),
    ...oneOfOptional('spec.ipFamilyPolicy', spec.ipFamilyPolicy, POLICIES),
    ...validateEach(ips),
  ];
  if (ips.length > 2) found.push(invalid('spec.clusterIPs', ips, 'may only hold up to 2 values'));
  // What is no address has no family.
  return ips.every(isAddress) ? [...found, ...validateAsFamilies(spec)] : found;
}

/** A second address may come and, with the policy SingleStack, go; the first is for life. */
export function validateFamiliesUpdate(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  const nowHeadless = isHeadless(spec);
  if (nowHeadless && isHeadless(old)) return [];
  const found = validateAddressChange(spec, old);
  return nowHeadless === isHeadless(old) ? [...found, ...validateFamilyChange(spec, old)] : found;
}

const released = (what: string, spec: ServiceSpec): FieldError[] =>
  spec.ipFamilyPolicy === 'SingleStack'
    ? []
    : [
        invalid(
          'spec.ipFamilyPolicy',
          spec.ipFamilyPolicy ?? null,
          `must be set to 'SingleStack' when releasing the secondary ${what}`,
        ),
      ];

function validateAddressChange(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  const before = old.clusterIPs ?? (old.clusterIP ? [old.clusterIP] : []);
  const now = spec.clusterIPs ?? [];
  if (now.length === 0) {
    if (before.length === 0) return [];
    return [invalid('spec.clusterIPs[0]', now, 'primary clusterIP can not be unset')];
  }
  const both = before.length === now.length ? before.length : Math.min(before.length, 1);
  const changed = before
    .slice(0, both)
    .flatMap((ip, i) => (now[i] === ip ? [] : [invalid(`spec.clusterIPs[${i}]`, now, UNCHANGEABLE)]));
  return before.length > now.length ? [...changed, ...released('clusterIP', spec)] : changed;
}

function validateFamilyChange(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  const { ipFamilies: before = [] } = old;
  const { ipFamilies: now = [] } = spec;
  const changed = [invalid('spec.ipFamilies[0]', now, UNCHANGEABLE)];
  if (before.length === now.length) return sameJson(before, now) ? [] : changed;
  if (before.length === 0 || now.length === 0) return [];
  return [...(before[0] === now[0] ? [] : changed), ...(now.length === 1 ? released('ipFamily', spec) : [])];
}
