import { isIPv4, isIPv6 } from 'node:net';

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

/** The name under which an address is looked up backwards (RFC 1035 section 3.5, RFC 3596 section 2.5). */
export function reverseName(address: Buffer): string {
  if (address.length === 4) return `${[...address].reverse().join('.')}.in-addr.arpa`;
  return `${[...address.toString('hex')].reverse().join('.')}.ip6.arpa`;
}

/** An address as one DNS label: "10-1-2-3". */
export const addressLabel = (text: string): string => text.replace(/[.:]/g, '-').toLowerCase();

/** The address a label such as "10-1-2-3" stands for. */
export function labelAddress(label: string): Buffer | undefined {
  return addressBytes(label.replace(/-/g, '.')) ?? addressBytes(label.replace(/-/g, ':'));
}
