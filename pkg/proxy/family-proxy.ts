import type { IpFamily } from '#api/meta/ip.ts';
import type { Clock } from '#async/clock.ts';
import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { Announcer } from './announcer.ts';
import { StaleFlows, TCP_ATTEMPTS, UDP } from './stale-flows.ts';
import type { ProxyBackend, ServiceTable } from './table/types.ts';

/** The kernel's state of one address family, in each mode. */
export interface FamilyModes {
  readonly family: IpFamily;
  readonly backend: ProxyBackend;
  /** Other modes: what they left in the kernel goes once the rules of this one are in force. */
  readonly others: readonly ProxyBackend[];
  /** Rules are made even while no Service has an address of the family. */
  readonly always: boolean;
}

/** The services of one address family in the kernel. Until there is one, a family that is not always wanted costs nothing. */
export class FamilyProxy {
  readonly #m: FamilyModes;
  readonly #logger: Logger;
  readonly #flows: readonly StaleFlows[];
  readonly #announcer: Announcer;
  #awake = false;
  #first = true;

  constructor(modes: FamilyModes, o: { readonly exec: Exec; readonly logger: Logger; readonly clock?: Clock }) {
    const { family, backend } = modes;
    this.#m = modes;
    this.#logger = o.logger;
    this.#flows = [TCP_ATTEMPTS, UDP].map((kind) => new StaleFlows(kind, { ...o, family }));
    this.#announcer = new Announcer({ ...o, family, how: backend.announcing });
  }

  get family(): IpFamily {
    return this.#m.family;
  }

  /** @param nodeIp this node's own address of the family, if it has one */
  async sync(table: ServiceTable, nodeIp: string | undefined): Promise<void> {
    const { backend, others, always } = this.#m;
    this.#awake ||= always || table.ports.length > 0;
    if (!this.#awake) {
      if (this.#first) await this.#cleanUp([backend, ...others]);
      this.#first = false;
      return;
    }
    await this.#announcer.withdraw(table.announced);
    await backend.apply(table);
    // The rules are in force: who tries again is sent elsewhere. The next change of rules does not wait for this.
    for (const f of this.#flows) void f.reconcile(table.ports);
    if (this.#first) await this.#cleanUp(others);
    this.#first = false;
    await this.#announcer.announce(table.announced, nodeIp);
  }

  async #cleanUp(modes: readonly ProxyBackend[]): Promise<void> {
    for (const mode of modes) {
      try {
        await mode.cleanup();
      } catch (err) {
        const { family } = this.#m;
        const about = { err, family, mode: mode.name };
        // A kernel without a family that nobody wants has nothing to be removed.
        if (this.#awake) this.#logger.warn(about, 'could not remove the rules of another mode');
        else this.#logger.debug(about, 'could not look for rules of former times');
      }
    }
  }

  /** False when somebody took rules away; the next `sync` puts them back. */
  async intact(): Promise<boolean> {
    if (!this.#awake) return true;
    for (const f of this.#flows) void f.again();
    return (await this.#m.backend.intact()) && (await this.#announcer.intact());
  }

  /** Removes everything that was ever made, in any mode. */
  async cleanup(): Promise<void> {
    for (const mode of [this.#m.backend, ...this.#m.others]) await mode.cleanup();
    await this.#announcer.cleanup();
  }
}
