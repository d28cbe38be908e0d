/** Checks that many kinds share. Each returns the problems found, in the words Kubernetes uses. */
import { isIP, isIPv6 } from 'node:net';
import { sameJson } from '../../meta/equal.ts';
import { type FieldError, invalid, notSupported, required, tooLong } from '../../meta/fielderrors.ts';
import { dnsLabel, dnsSubdomain, portName, portNumber } from '../../meta/names.ts';
import { compareQuantities } from '../../meta/quantity.ts';

export const IMMUTABLE = 'field is immutable';
export const NEGATIVE = 'must be greater than or equal to 0';

/** The value may not differ from the old one. */
export const immutable = (path: string, value: unknown, old: unknown): FieldError[] =>
  sameJson(value, old) ? [] : [invalid(path, value ?? null, IMMUTABLE)];

export const nonNegative = (path: string, value: number | undefined): FieldError[] =>
  value !== undefined && value < 0 ? [invalid(path, value, NEGATIVE)] : [];

export const nonNegativeAmount = (path: string, amount: string | undefined): FieldError[] =>
  amount !== undefined && compareQuantities(amount, '0') < 0 ? [invalid(path, amount, NEGATIVE)] : [];

/** Each message becomes an "Invalid value" of the field. */
export const invalidFor = (path: string, value: unknown, messages: readonly string[]): FieldError[] =>
  messages.map((m) => invalid(path, value, m));

/** A value that must be given and one of a set. */
export function oneOfRequired(path: string, value: string | undefined, allowed: readonly string[]): FieldError[] {
  if (!value) return [required(path)];
  return allowed.includes(value) ? [] : [notSupported(path, value, allowed)];
}

/** A value that, if given, must be one of a set. */
export const oneOfOptional = (path: string, value: string | undefined, allowed: readonly string[]): FieldError[] =>
  value === undefined || allowed.includes(value) ? [] : [notSupported(path, value, allowed)];

export const requiredText = (path: string, value: string | undefined, detail?: string): FieldError[] =>
  value ? [] : [required(path, detail)];

/** A name that must be given and be a DNS label. */
export const requiredLabel = (path: string, value: string | undefined): FieldError[] =>
  value ? invalidFor(path, value, dnsLabel(value)) : [required(path)];

export const optionalSubdomain = (path: string, value: string | undefined): FieldError[] =>
  value ? invalidFor(path, value, dnsSubdomain(value)) : [];

/** A port by number or by name. */
export const portNumberOrName = (path: string, port: number | string | undefined): FieldError[] => {
  if (typeof port === 'string') return invalidFor(path, port, portName(port));
  return invalidFor(path, port ?? 0, portNumber(port ?? 0));
};

/** An address without a zone ("fe80::1%eth0"): that means something on one machine only. */
export const isAddress = (text: string): boolean => isIP(text) !== 0 && !text.includes('%');

export const ipAddress = (path: string, value: string | undefined): FieldError[] =>
  value && isAddress(value)
    ? []
    : [invalid(path, value ?? '', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];

/** True for "10.0.0.0/8" and the like. */
export function isCidr(text: string): boolean {
  const [address = '', bits = '', ...more] = text.split('/');
  if (more.length > 0 || !isAddress(address) || !/^\d{1,3}$/.test(bits)) return false;
  return Number(bits) <= (isIPv6(address) ? 128 : 32);
}

export const cidr = (path: string, value: string): FieldError[] =>
  isCidr(value) ? [] : [invalid(path, value, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];

const PERCENT = /^[0-9]+%$/;
const PERCENT_MESSAGE =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/** A count that may not be negative, or a percentage. */
export function countOrPercent(path: string, value: number | string): FieldError[] {
  if (typeof value === 'number') return nonNegative(path, value);
  return PERCENT.test(value) ? [] : [invalid(path, value, PERCENT_MESSAGE)];
}

/** A percentage may not exceed 100. */
export const notAboveHundredPercent = (path: string, value: number | string): FieldError[] =>
  typeof value === 'string' && PERCENT.test(value) && Number.parseInt(value, 10) > 100
    ? [invalid(path, value, 'must not be greater than 100%')]
    : [];

/** The number a count or percentage stands for, percentages as their number. */
export const countOf = (value: number | string): number =>
  typeof value === 'number' ? value : Number.parseInt(value, 10) || 0;

const MAX_DRIVER = 63;

/** The name of a CSI driver: that of a domain, in capitals too. */
export function driverName(path: string, name: string | undefined): FieldError[] {
  const found = name ? [] : [required(path)];
  if (name && name.length > MAX_DRIVER) found.push(tooLong(path, MAX_DRIVER));
  return [...found, ...invalidFor(path, name ?? '', dnsSubdomain((name ?? '').toLowerCase()))];
}

const PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const WHOLE_PATH = new RegExp(`^${PATH}$`);

/** A name that begins with the domain of who gave it: "example.com/controller". */
export function domainPrefixedPath(path: string, text: string): FieldError[] {
  if (!text) return [required(path)];
  const cut = text.indexOf('/');
  const host = text.slice(0, Math.max(cut, 0));
  const rest = text.slice(cut + 1);
  if (!host || !rest) return [invalid(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  const found = invalidFor(path, host, dnsSubdomain(host));
  if (!WHOLE_PATH.test(rest)) {
    found.push(invalid(path, rest, `Invalid path (regex used for validation is '${PATH}')`));
  }
  return found;
}

/** A domain name of two labels or more, with or without the dot at its end. */
export function fullDomainName(path: string, text: string): FieldError[] {
  if (!text) return [required(path)];
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  const problems = dnsSubdomain(name);
  if (problems.length > 0) return [invalid(path, name, problems.join(','))];
  const labels = name.split('.');
  if (labels.length < 2) {
    return [invalid(path, name, 'should be a domain with at least two segments separated by dots')];
  }
  return labels.flatMap((label) => {
    const wrong = dnsLabel(label);
    return wrong.length > 0 ? [invalid(path, label, wrong.join(','))] : [];
  });
}
