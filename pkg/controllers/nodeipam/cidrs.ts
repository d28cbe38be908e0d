const toNumber = (ip: string): number => ip.split('.').reduce((n, p) => n * 256 + Number(p), 0);
const toText = (n: number): string => [24, 16, 8, 0].map((s) => Math.floor(n / 2 ** s) % 256).join('.');

/** All subnets of `mask` bits in a cluster CIDR, by index. Pure. */
export class SubnetPool {
  readonly #base: number;
  readonly #step: number;
  readonly #mask: number;
  readonly size: number;

  /** @throws RangeError when the mask is wider than the cluster CIDR */
  constructor(clusterCidr: string, mask: number) {
    const [ip = '', bits = ''] = clusterCidr.split('/');
    if (mask < Number(bits) || mask > 30) throw new RangeError(`subnets of /${mask} do not fit into ${clusterCidr}`);
    this.#base = toNumber(ip);
    this.#step = 2 ** (32 - mask);
    this.#mask = mask;
    this.size = 2 ** (mask - Number(bits));
  }

  /** The first subnet that is not taken; undefined when all are. */
  free(taken: ReadonlySet<string>): string | undefined {
    for (let i = 0; i < this.size; i++) {
      const cidr = `${toText(this.#base + i * this.#step)}/${this.#mask}`;
      if (!taken.has(cidr)) return cidr;
    }
    return undefined;
  }
}
