import type { IpFamily } from '#api/meta/ip.ts';
import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { ended, endStaleFlows } from './flows.ts';
import type { ServicePort } from './table/types.ts';

/**
 * UDP has no connection that ends: the kernel goes on sending a client's packets where the first one went. What leads to
 * a vanished endpoint is made to be forgotten (lessons.md).
 */
export class UdpFlows {
  readonly #exec: Exec;
  readonly #logger: Logger;
  readonly #kind: readonly string[];
  #wanted: readonly ServicePort[] = [];
  /** Those whose stale flows have been ended; undefined: nobody has looked yet. */
  #known: readonly ServicePort[] | undefined;
  #looking: Promise<void> | undefined;
  #failing = false;

  constructor(exec: Exec, logger: Logger, family: IpFamily) {
    this.#kind = ['-f', family.toLowerCase(), '-p', 'udp'];
    this.#exec = exec;
    this.#logger = logger;
  }

  /** Called after every sync; looks at the kernel's flows only if a UDP service changed. */
  reconcile(table: readonly ServicePort[]): Promise<void> {
    this.#wanted = table.filter((s) => s.protocol === 'udp');
    return this.again();
  }

  /** Looks once more if the last look failed: no change of a service may come for long. */
  again(): Promise<void> {
    if (!this.#settled) this.#looking ??= this.#look();
    return this.#looking ?? Promise.resolve();
  }

  get #settled(): boolean {
    const known = this.#known;
    return known?.length === this.#wanted.length && this.#wanted.every((s, i) => s === known[i]);
  }

  async #look(): Promise<void> {
    while (!this.#settled) {
      const ports = this.#wanted;
      try {
        // The addresses of services that went belong to nobody: their flows go too.
        const ids = new Set(ports.map((s) => s.id));
        const gone = (this.#known ?? []).filter((old) => !ids.has(old.id));
        await endStaleFlows(this.#exec, this.#kind, [...gone.map(ended), ...ports]);
        this.#known = ports;
        this.#failing = false;
      } catch (err) {
        if (!this.#failing)
          this.#logger.warn({ err }, 'could not end UDP flows to endpoints that are gone, will retry');
        this.#failing = true;
        break;
      }
    }
    this.#looking = undefined;
  }
}
