import { isIPv4, isIPv6 } from 'node:net';
import { EvaluationError } from '../errors.ts';
import { fn, type Library, traversal } from '../functions.ts';
import { Opaque, type Value } from '../values.ts';

/** Kubernetes' IP and CIDR libraries. */
const IP = 'net.IP';
const CIDR = 'net.CIDR';

const widthOf = (family: 4 | 6): number => (family === 4 ? 32 : 128);

function parseV6(text: string): bigint {
  // Eight groups; an IPv4 tail is two of them.
  const tail = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const [a = 0, b = 0, c = 0, d = 0] = (tail ?? []).slice(2).map(Number);
  const plain = tail ? `${tail[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}` : text;
  const [head = '', rest] = plain.split('::');
  const groups = (s: string): string[] => (s === '' ? [] : s.split(':'));
  const left = groups(head);
  const right = groups(rest ?? '');
  const middle = rest === undefined ? [] : new Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...middle, ...right].reduce((n, g) => (n << 16n) | BigInt(`0x${g}`), 0n);
}

const parseV4 = (text: string): bigint => text.split('.').reduce((n, part) => (n << 8n) | BigInt(part), 0n);

/** RFC 5952: the longest run of zeros is left out. */
function textOfV6(n: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((n >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  let best = { at: 0, length: 1 };
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (groups[end] === '0') end++;
    if (end - at > best.length) best = { at, length: end - at };
  }
  if (best.length < 2) return groups.join(':');
  return `${groups.slice(0, best.at).join(':')}::${groups.slice(best.at + best.length).join(':')}`;
}
const textOfV4 = (n: bigint): string => [24n, 16n, 8n, 0n].map((s) => (n >> s) & 0xffn).join('.');

class Address extends Opaque {
  readonly typeName = IP;
  readonly family: 4 | 6;
  readonly bits: bigint;
  constructor(family: 4 | 6, bits: bigint) {
    super();
    this.family = family;
    this.bits = bits;
  }
  equals(other: Opaque): boolean {
    return other instanceof Address && other.family === this.family && other.bits === this.bits;
  }
  override text(): string {
    return this.family === 4 ? textOfV4(this.bits) : textOfV6(this.bits);
  }
  /** Is it in a block such as "10.0.0.0/8"? Blocks of the other family contain nothing. */
  in(...blocks: readonly string[]): boolean {
    return blocks.some((b) => parseBlock(b).contains(this));
  }
}

function parseAddress(text: string): Address {
  if (isIPv4(text)) return new Address(4, parseV4(text));
  if (isIPv6(text) && !text.includes('%')) {
    const bits = parseV6(text);
    // An IPv4 address in IPv6 clothes would be two addresses at once.
    if (bits >> 32n !== 0xffffn) return new Address(6, bits);
    throw new EvaluationError(`IPv4-mapped IPv6 address "${text}" is not allowed`);
  }
  throw new EvaluationError(
    `IP Address "${text}" parse error during conversion from string: ParseAddr("${text}"): unable to parse IP`,
  );
}

class Block extends Opaque {
  readonly typeName = CIDR;
  readonly address: Address;
  readonly length: number;
  constructor(address: Address, length: number) {
    super();
    this.address = address;
    this.length = length;
  }
  equals(other: Opaque): boolean {
    return other instanceof Block && other.length === this.length && other.address.equals(this.address);
  }
  override text(): string {
    return `${this.address.text()}/${this.length}`;
  }
  #prefix(bits: bigint): bigint {
    return bits >> BigInt(widthOf(this.address.family) - this.length);
  }
  contains({ family, bits }: Address): boolean {
    return family === this.address.family && this.#prefix(bits) === this.#prefix(this.address.bits);
  }
  containsBlock(other: Block): boolean {
    return other.length >= this.length && this.contains(other.address);
  }
  masked(): Block {
    const { family, bits } = this.address;
    const rest = BigInt(widthOf(family) - this.length);
    return new Block(new Address(family, (bits >> rest) << rest), this.length);
  }
}

function parseBlock(text: string): Block {
  const m = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  const bad = (): never => {
    throw new EvaluationError(
      `network address parse error during conversion from string: netip.ParsePrefix("${text}"): unable to parse`,
    );
  };
  if (!m) return bad();
  let address: Address;
  try {
    address = parseAddress(m[1] ?? '');
  } catch {
    return bad();
  }
  const length = Number(m[2]);
  return length <= widthOf(address.family) ? new Block(address, length) : bad();
}

const succeeds =
  (parse: (s: string) => Value) =>
  (s: string): boolean => {
    try {
      parse(s);
      return true;
    } catch {
      return false;
    }
  };

const MULTICAST = ['224.0.0.0/4', 'ff00::/8'];
const LINK_LOCAL_MULTICAST = ['224.0.0.0/24'];
const isLinkLocalMulticast = (a: Address): boolean =>
  a.in(...LINK_LOCAL_MULTICAST) || (a.family === 6 && ((a.bits >> 112n) & 0xff0fn) === 0xff02n);
const isLoopback = (a: Address): boolean => a.in('127.0.0.0/8', '::1/128');
const isLinkLocal = (a: Address): boolean => a.in('169.254.0.0/16', 'fe80::/10');
const isUnspecified = (a: Address): boolean => a.bits === 0n;
const isGlobal = (a: Address): boolean =>
  !isUnspecified(a) && !isLoopback(a) && !isLinkLocal(a) && !a.in(...MULTICAST, '255.255.255.255/32');

function isCanonical(text: string): boolean {
  return parseAddress(text).text() === text;
}

const size = (): number => 43;
export const addresses: Library = {
  functions: [
    fn(`ip(string) ${IP}`, parseAddress, { cost: traversal }),
    fn('isIP(string) bool', succeeds(parseAddress), { cost: traversal }),
    fn('ip.isCanonical(string) bool', isCanonical, { cost: traversal }),
    fn(`string(${IP}) string`, (a: Address) => a.text(), { size }),
    fn(`${IP}::family() int`, (a: Address) => a.family),
    fn(`${IP}::isUnspecified() bool`, isUnspecified),
    fn(`${IP}::isLoopback() bool`, isLoopback),
    fn(`${IP}::isLinkLocalMulticast() bool`, isLinkLocalMulticast),
    fn(`${IP}::isLinkLocalUnicast() bool`, isLinkLocal),
    fn(`${IP}::isGlobalUnicast() bool`, isGlobal),
    fn(`cidr(string) ${CIDR}`, parseBlock, { cost: traversal }),
    fn('isCIDR(string) bool', succeeds(parseBlock), { cost: traversal }),
    fn(`string(${CIDR}) string`, (b: Block) => b.text(), { size }),
    fn(`${CIDR}::containsIP(string) bool`, (b: Block, s: string) => b.contains(parseAddress(s)), { cost: traversal }),
    fn(`${CIDR}::containsIP(${IP}) bool`, (b: Block, a: Address) => b.contains(a)),
    fn(`${CIDR}::containsCIDR(string) bool`, (b: Block, s: string) => b.containsBlock(parseBlock(s)), {
      cost: traversal,
    }),
    fn(`${CIDR}::containsCIDR(${CIDR}) bool`, (b: Block, o: Block) => b.containsBlock(o)),
    fn(`${CIDR}::ip() ${IP}`, (b: Block) => b.address),
    fn(`${CIDR}::masked() ${CIDR}`, (b: Block) => b.masked()),
    fn(`${CIDR}::prefixLength() int`, (b: Block) => b.length),
  ],
  types: { [IP]: IP, [CIDR]: CIDR },
};
