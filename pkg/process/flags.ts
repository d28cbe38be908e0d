import { isIP, isIPv4 } from 'node:net';
import { InvalidArgumentError } from 'commander';

/** Parsers for flag values: each throws commander's InvalidArgumentError, which becomes one sentence. */

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** "15s", "1m30s", "250ms", "0" → milliseconds. */
export function durationFlag(text: string): number {
  if (text === '0') return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((p) => p[0]).join('') !== text) {
    throw new InvalidArgumentError('It must be a duration such as 15s or 1m30s.');
  }
  return parts.reduce((ms, p) => ms + Number(p[1]) * (UNITS[p[2] ?? ''] ?? 0), 0);
}

/** The shortest text that `durationFlag` reads as so many milliseconds. */
export function durationText(ms: number): string {
  let rest = ms;
  const parts: string[] = [];
  for (const unit of ['h', 'm', 's', 'ms']) {
    const size = UNITS[unit] ?? 1;
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.join('') || '0';
}

/** A port number; 0 lets the system choose. */
export function portFlag(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('It must be a port number, 0 to 65535.');
  return port;
}

/** A whole number, 0 or more. */
export function intFlag(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** A parser of whole numbers from `min` to `max`, both included. */
export const intRangeFlag =
  (min: number, max: number) =>
  (text: string): number => {
    const n = Number(text);
    if (!/^-?\d+$/.test(text) || n < min || n > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return n;
  };

/** "true"/"false", as in `--flag=false`. */
export function boolFlag(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('It must be true or false.');
  return text === 'true';
}

export interface HostPort {
  /** Without the brackets of an IPv6 address; empty = all addresses. */
  readonly host: string;
  readonly port: number;
}

/** Splits "host:port", "[::1]:80" or ":80"; undefined when it is none of them. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]/\s]*)):(\d{1,5})$/.exec(text);
  if (!match) return undefined;
  const port = Number(match[3]);
  if (port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? '', port };
}

/** "127.0.0.1:10259", "[::1]:80". */
export function hostPortFlag(text: string): HostPort {
  const parsed = parseHostPort(text);
  if (!parsed) throw new InvalidArgumentError('It must be host:port, such as 127.0.0.1:10259.');
  return parsed;
}

/** "10.96.0.0/16"; the host bits must be zero for IPv4. @returns the text as given. */
export function cidrFlag(text: string): string {
  const [address = '', prefix = '', ...more] = text.split('/');
  const bits = Number(prefix);
  const max = isIPv4(address) ? 32 : 128;
  if (isIP(address) === 0 || !/^\d{1,3}$/.test(prefix) || bits > max || more.length > 0 || !isNetwork(address, bits)) {
    throw new InvalidArgumentError('It must be an address range such as 10.96.0.0/16.');
  }
  return text;
}

/** One value, or one of each address family, separated by a comma. The first is the primary family's. */
function perFamily(text: string, of: (one: string) => string): string[] {
  const list = text.split(',').map((t) => of(t.trim()));
  if (list.length > 2 || (list.length === 2 && list[0]?.includes(':') === list[1]?.includes(':'))) {
    throw new InvalidArgumentError('It must be one value, or one of IPv4 and one of IPv6 separated by a comma.');
  }
  return list;
}

/** "10.244.0.0/16" or "10.244.0.0/16,fd00:10:244::/56" */
export const cidrsFlag = (text: string): string[] => perFamily(text, cidrFlag);

/** "10.0.0.1" or "10.0.0.1,fd00::1" */
export const addressesFlag = (text: string): string[] =>
  perFamily(text, (one) => {
    if (isIP(one) === 0) throw new InvalidArgumentError('It must be an IP address such as 10.0.0.1.');
    return one;
  });

function isNetwork(address: string, bits: number): boolean {
  if (!isIPv4(address)) return true;
  const n = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return n % 2 ** (32 - bits) === 0;
}

/** "a=b,c=d" → record; a value may hold "=" but no comma. */
export function keyValuesFlag(text: string): Record<string, string> {
  const pairs = text
    .split(',')
    .filter(Boolean)
    .map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new InvalidArgumentError('It must be a list such as a=1,b=2.');
      return [pair.slice(0, at), pair.slice(at + 1)] as const;
    });
  return Object.fromEntries(pairs);
}

/** "a=1m,b=30s". @returns milliseconds by name */
export const durationsFlag = (text: string): Record<string, number> =>
  Object.fromEntries(Object.entries(keyValuesFlag(text)).map(([k, v]) => [k, durationFlag(v)]));

/** "Name=true,Other=false". */
export const gatesFlag = (text: string): Map<string, boolean> =>
  new Map(Object.entries(keyValuesFlag(text)).map(([k, v]) => [k, boolFlag(v)]));

const LEVELS: readonly string[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

export function logLevelFlag(text: string): string {
  if (!LEVELS.includes(text)) throw new InvalidArgumentError(`It must be one of ${LEVELS.join(', ')}.`);
  return text;
}

/** A share, 0 to 1. */
export function shareFlag(text: string): number {
  const n = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || n > 1) throw new InvalidArgumentError('It must be a number from 0 to 1.');
  return n;
}
