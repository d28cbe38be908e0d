import type { IpFamily } from '#api/meta/ip.ts';
import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { ended, endStaleFlows, endsOf } from './flows.ts';
import type { ServicePort } from './table/types.ts';

/** So often in a row is looked again at what has just been made to be forgotten. */
const LOOKS = 5;

/**
 * A connection that was asked for and not answered is remembered by the kernel for two minutes, and whatever the client sends
 * from the same port keeps it: further tries, and also another connection that happens to get that port. All of it goes where
 * the first packet went. When an endpoint has gone without a word (its node was lost), what was asked of it is made to be
 * forgotten: the next try goes to another one. Connections that stand are left alone.
 */
export class TcpAttempts {
  readonly #exec: Exec;
  readonly #logger: Logger;
  readonly #kind: readonly string[];
  #known: ReadonlyMap<string, ServicePort> | undefined;
  /** Service ports to be looked at: those that lost an endpoint. */
  readonly #due = new Map<string, ServicePort>();
  /** Service ports whose last look found something, or failed, and how often in a row. */
  readonly #doubtful = new Map<string, number>();
  #looking: Promise<void> | undefined;

  constructor(exec: Exec, logger: Logger, family: IpFamily) {
    this.#exec = exec;
    this.#logger = logger;
    this.#kind = ['-f', family.toLowerCase(), '-p', 'tcp', '--state', 'SYN_SENT'];
  }

  /** Called after every sync; looks at the kernel's flows only if an endpoint has gone, and at first. */
  reconcile(table: readonly ServicePort[]): Promise<void> {
    const now = new Map(table.flatMap((s) => (s.protocol === 'tcp' ? [[s.id, s] as const] : [])));
    for (const [id, old] of this.#known ?? []) {
      const s = now.get(id);
      if (s !== old && lost(old, s)) this.#due.set(id, s ?? ended(old));
      // A later state of what is still to be looked at.
      else if (s && this.#due.has(id)) this.#due.set(id, s);
    }
    if (!this.#known) for (const [id, s] of now) this.#due.set(id, s);
    this.#known = now;
    for (const id of this.#due.keys()) this.#doubtful.delete(id);
    return this.#start();
  }

  /**
   * Looks once more where something was found, or nothing could be: a table that changes while it is read need not show
   * everything, and of a flow that ended by itself meanwhile `conntrack` says the same as of a failure.
   */
  again(): Promise<void> {
    for (const id of this.#doubtful.keys()) {
      const s = this.#known?.get(id);
      if (s) this.#due.set(id, s);
      else this.#doubtful.delete(id);
    }
    return this.#start();
  }

  #start(): Promise<void> {
    if (this.#due.size > 0) this.#looking ??= this.#look();
    return this.#looking ?? Promise.resolve();
  }

  async #look(): Promise<void> {
    while (this.#due.size > 0) {
      const ports = [...this.#due.values()];
      this.#due.clear();
      let found = true;
      try {
        found = await endStaleFlows(this.#exec, this.#kind, ports);
      } catch (err) {
        this.#logger.warn({ err }, 'could not end attempts to connect to endpoints that are gone');
      }
      for (const { id } of ports) {
        const looks = (this.#doubtful.get(id) ?? 0) + 1;
        if (found && looks < LOOKS) this.#doubtful.set(id, looks);
        else this.#doubtful.delete(id);
      }
    }
    this.#looking = undefined;
  }
}

function lost(old: ServicePort, now: ServicePort | undefined): boolean {
  const left = now ? endsOf(now) : new Set<string>();
  return [...endsOf(old)].some((e) => !left.has(e));
}
