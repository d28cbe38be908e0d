import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** As `Service.spec.ipFamilies` names them. */
export type IpFamily = 'IPv4' | 'IPv6';

export const isIpv6Cidr = (cidr: string): boolean => cidr.includes(':');
export const familyOf = (address: string): IpFamily => (address.includes(':') ? 'IPv6' : 'IPv4');
export const otherFamily = (family: IpFamily): IpFamily => (family === 'IPv4' ? 'IPv6' : 'IPv4');

/** "10.0.0.1:80", "[fd00::1]:80" */
export const hostPort = (host: string, port: number | string | undefined): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

const bitsOf = (family: IpFamily): number => (family === 'IPv4' ? 32 : 128);

/** Bytes of an IPv4 or IPv6 address in network order; undefined for what is none. */
export function addressBytes(text: string): Buffer | undefined {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const bytes = Buffer.alloc(16);
  const [head = '', tail] = withHexTail(text).split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail ? tail.split(':') : [];
  for (const [i, group] of front.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), i * 2);
  for (const [i, group] of back.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), 16 - (back.length - i) * 2);
  return bytes;
}

/** "::ffff:1.2.3.4" with its last four bytes as two groups. */
function withHexTail(text: string): string {
  const at = text.lastIndexOf(':') + 1;
  const v4 = text.slice(at);
  if (!v4.includes('.')) return text;
  const [a = 0, b = 0, c = 0, d = 0] = v4.split('.').map(Number);
  return `${text.slice(0, at)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** An address as a number. @throws RangeError */
export function addressNumber(text: string): bigint {
  const bytes = addressBytes(text);
  if (!bytes) throw new RangeError(`${text} is not an IP address`);
  return BigInt(`0x${bytes.toString('hex')}`);
}

/** The text of an address, IPv6 in the form of RFC 5952. */
export function addressText(n: bigint, family: IpFamily): string {
  const hex = n.toString(16).padStart(bitsOf(family) / 4, '0');
  if (family === 'IPv4') return [...Buffer.from(hex, 'hex')].join('.');
  return new SocketAddress({ family: 'ipv6', address: (hex.match(/.{4}/g) ?? []).join(':') }).address;
}

/** One text for each address, however it was written; undefined for what is none. */
export function canonicalAddress(text: string): string | undefined {
  return addressBytes(text) && addressText(addressNumber(text), familyOf(text));
}

/** Addresses that begin with the same bits. */
export interface Network {
  readonly family: IpFamily;
  /** The first address. */
  readonly base: bigint;
  readonly bits: number;
  /** How many addresses. */
  readonly size: bigint;
}

/** @throws RangeError */
export function parseNetwork(cidr: string): Network {
  const [address = '', prefix = '', ...more] = cidr.split('/');
  const family = familyOf(address);
  const bits = /^\d{1,3}$/.test(prefix) && more.length === 0 ? Number(prefix) : Number.NaN;
  if (!addressBytes(address) || !(bits <= bitsOf(family))) throw new RangeError(`${cidr} is not a CIDR`);
  const size = 1n << BigInt(bitsOf(family) - bits);
  const n = addressNumber(address);
  return { family, base: n - (n % size), bits, size };
}

/** "10.0.0.0/8" */
export const networkText = ({ base, family, bits }: Network): string => `${addressText(base, family)}/${bits}`;

export const contains = (network: Network, address: string): boolean => {
  if (familyOf(address) !== network.family) return false;
  const n = addressNumber(address);
  return n >= network.base && n < network.base + network.size;
};
