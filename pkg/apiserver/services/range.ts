import { addressText, type IpFamily, type Network, networkText, parseNetwork } from '#api/meta/ip.ts';

/** A range of numbers, of which some are taken. */
export interface NumberRange {
  readonly first: number;
  readonly count: number;
}

/** Attempts at random before the range is searched in order. */
const RANDOM_TRIES = 16;

/**
 * Picks a number of the range that is not taken, at random so that two servers rarely choose the same one.
 * @returns undefined when the range is exhausted.
 */
export function pickFree(range: NumberRange, taken: (n: number) => boolean): number | undefined {
  for (let i = 0; i < RANDOM_TRIES; i++) {
    const n = range.first + Math.floor(Math.random() * range.count);
    if (!taken(n)) return n;
  }
  const start = Math.floor(Math.random() * range.count);
  for (let i = 0; i < range.count; i++) {
    const n = range.first + ((start + i) % range.count);
    if (!taken(n)) return n;
  }
  return undefined;
}

/** How large the lower part of a range is that is left to those who choose for themselves. */
interface StaticBand {
  /** A range up to this size has none. */
  readonly least: number;
  readonly share: number;
  readonly most: number;
}
/** "Service ClusterIP allocation": min(max(16, size / 16), 256). */
export const ADDRESS_BAND: StaticBand = { least: 16, share: 16, most: 256 };
/** "Avoid Collisions Assigning Ports to NodePort Services": min(max(16, size / 32), 128). */
export const PORT_BAND: StaticBand = { least: 16, share: 32, most: 128 };

/** Like `pickFree`, but of the lower band only when the rest is used up. */
export function pickAbove(range: NumberRange, band: StaticBand, taken: (n: number) => boolean): number | undefined {
  const low =
    range.count <= band.least ? 0 : Math.min(Math.max(band.least, Math.floor(range.count / band.share)), band.most);
  const upper = pickFree({ first: range.first + low, count: range.count - low }, taken);
  return upper ?? (low > 0 ? pickFree({ first: range.first, count: low }, taken) : undefined);
}

/** More addresses than this are never looked at: a /64 has more than there are numbers. */
const MAX_ADDRESSES = 2n ** 32n;

/** Addresses for Services, of one family. */
export class AddressRange {
  /** In its canonical form. */
  readonly cidr: string;
  readonly family: IpFamily;
  readonly #network: Network;
  /** Offsets in the network. */
  readonly #offsets: NumberRange;

  /** @throws RangeError for what is no CIDR */
  constructor(cidr: string) {
    this.#network = parseNetwork(cidr);
    this.family = this.#network.family;
    this.cidr = networkText(this.#network);
    const { size } = this.#network;
    // The network's own address is never given out, nor is the broadcast address, which only IPv4 has.
    const usable = size - (this.family === 'IPv4' ? 2n : 1n);
    this.#offsets = { first: 1, count: Math.max(0, Number(usable < MAX_ADDRESSES ? usable : MAX_ADDRESSES)) };
  }

  #text(offset: number): string {
    return addressText(this.#network.base + BigInt(offset), this.family);
  }

  /** Of the Service `kubernetes`, when this is the primary range. */
  get first(): string {
    return this.#text(1);
  }

  /** Whether an address, as a number, may be given to a Service. */
  holds(address: bigint): boolean {
    const { base, size } = this.#network;
    const last = this.family === 'IPv4' ? base + size - 2n : base + size - 1n;
    return address > base && address <= last;
  }

  /** An address nobody has, in the upper part while there is one; undefined when all are taken. */
  free(taken: (ip: string) => boolean): string | undefined {
    const offset = pickAbove(this.#offsets, ADDRESS_BAND, (n) => taken(this.#text(n)));
    return offset === undefined ? undefined : this.#text(offset);
  }
}
