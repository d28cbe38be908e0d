import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { type NftRunner, NftTable } from '#process/nftables.ts';
import { routeLoopback } from '../../loopback.ts';
import type { ProxyBackend, ServiceTable } from '../../table/types.ts';
import { type RenderOptions, WORDS } from './fragment.ts';
import { Fragments } from './fragments.ts';
import { renderNft } from './render.ts';

/** Chains for so many endpoints are there from the start; beyond, twice as many as are needed. */
const FEW = 32;
const chainsFor = (most: number): number => Math.max(FEW, 2 ** Math.ceil(Math.log2(most)));

export interface NftablesOptions extends RenderOptions {
  readonly exec: Exec;
  readonly logger: Logger;
  /** Takes what is not the whole table; default: a process for each. */
  readonly changes?: NftRunner;
}

/** The nftables mode in one address family: named maps in one table, changed element by element. */
export class NftablesBackend implements ProxyBackend {
  readonly name = 'nftables';
  readonly announcing = 'route';
  readonly #table: NftTable;
  readonly #o: NftablesOptions;
  readonly #fragments: Fragments;
  /** What is in the kernel depends on more than the fragments that are wanted. */
  #clashed = false;
  /** So many endpoints of a service there are chains for. */
  #most = 0;
  #loopback = false;

  constructor(options: NftablesOptions) {
    this.#table = new NftTable(options.exec, `${WORDS[options.family].ip} coxswain-proxy`, options.changes);
    this.#o = options;
    this.#fragments = new Fragments(options);
  }

  async apply(table: ServiceTable): Promise<void> {
    const { before, after } = this.#fragments.update(table.ports);
    const clashed = this.#clashed;
    this.#clashed = this.#fragments.clashing;
    const enough = this.#fragments.most <= this.#most;
    if (enough && !clashed && !this.#clashed && (await this.#table.change(before, after))) return;
    if (!enough) this.#most = chainsFor(this.#fragments.most);
    const whole = renderNft(this.#fragments.all(), this.#o.family, this.#most);
    await this.#table.apply(whole, { anew: !enough });
    if (this.#o.family === 'IPv4' && !this.#loopback) await routeLoopback(this.#o);
    this.#loopback = true;
  }

  intact(): Promise<boolean> {
    return this.#table.intact();
  }

  cleanup(): Promise<void> {
    return this.#table.remove();
  }
}
