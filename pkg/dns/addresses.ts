import { addressBytes } from '#api/meta/ip.ts';

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
