import type { Exec } from '#process/exec.ts';

interface Port {
  readonly ifname: string;
  readonly master?: string;
  readonly hairpin?: boolean;
}

/**
 * Lets pods reach themselves through their service's address: their bridge ports must send packets back where they came from.
 * dockerd sets that itself, unless it relays ports of the node by processes (--userland-proxy). Where it was seen to, a new pod
 * costs nothing, and it is only looked after now and then.
 */
export class Hairpin {
  readonly #exec: Exec;
  readonly #bridge: string;
  /** The look at bridge ports under way, and the one after it. */
  #look: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  readonly #seen = new Set<string>();
  #byDocker = false;
  #unseen = false;

  constructor(exec: Exec, bridge: string) {
    this.#exec = exec;
    this.#bridge = bridge;
  }

  /** For a pod that was attached just now. A call that comes while a look is under way is answered by the next one. */
  allow(): Promise<void> {
    if (this.#byDocker) {
      this.#unseen = true;
      return Promise.resolve();
    }
    this.#next ??= (async () => {
      await this.#look.catch(() => {});
      this.#look = this.#next ?? Promise.resolve();
      this.#next = undefined;
      await this.#set();
    })();
    return this.#next;
  }

  /** Looks after the pods that nobody looked at. */
  async repair(): Promise<void> {
    if (!this.#unseen) return;
    this.#unseen = false;
    await this.#set();
  }

  async #set(): Promise<void> {
    const { stdout } = await this.#exec('bridge', ['-d', '-j', 'link', 'show']);
    const ports = (JSON.parse(stdout || '[]') as Port[]).filter((p) => p.master === this.#bridge);
    const fresh = ports.filter((p) => !this.#seen.has(p.ifname));
    if (fresh.length > 0) this.#byDocker = fresh.every((p) => p.hairpin);
    this.#seen.clear();
    for (const p of ports) {
      this.#seen.add(p.ifname);
      if (!p.hairpin) await this.#exec('bridge', ['link', 'set', 'dev', p.ifname, 'hairpin', 'on']);
    }
  }
}
