/** "10.96.0.1" → 0x0a600001. @throws RangeError */
export function parseIpv4(text: string): number {
  const parts = text.split('.').map((p) => (/^(0|[1-9]\d{0,2})$/.test(p) ? Number(p) : Number.NaN));
  if (parts.length !== 4 || !parts.every((p) => p <= 255)) {
    throw new RangeError(`${text} is not an IPv4 address`);
  }
  return parts.reduce((n, p) => n * 256 + p, 0);
}

export const formatIpv4 = (n: number): string => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join('.');

/** First address and number of addresses of a CIDR. @throws RangeError */
export function parseCidr(text: string): { base: number; size: number } {
  const [ip, bits = '', ...more] = text.split('/');
  const n = /^\d{1,2}$/.test(bits) && more.length === 0 ? Number(bits) : Number.NaN;
  if (!(n <= 32)) throw new RangeError(`${text} is not a CIDR`);
  const size = 2 ** (32 - n);
  const address = parseIpv4(ip ?? '');
  return { base: address - (address % size), size };
}
