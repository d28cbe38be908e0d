import type { Kind } from '#api/kind.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Client } from '#client/types.ts';
import { LastWritten } from './recent-writes.ts';

/** Our writes of single objects of one kind: sent only if they change something, and remembered as `LastWritten` does. */
export class KindWrites<T extends KubeObject & { readonly status?: unknown }> extends LastWritten<T> {
  readonly #client: Client;
  readonly #kind: Kind<T>;

  constructor(client: Client, kind: Kind<T>) {
    super();
    this.#client = client;
    this.#kind = kind;
  }

  /** @returns the object as it is afterwards. @throws StatusError */
  async update(next: Stored<T>, old: Stored<T>): Promise<Stored<T>> {
    return sameJson(next, old) ? old : this.wrote(await this.#client.update(this.#kind, next));
  }

  /** The same for the status alone. */
  async status(o: Stored<T>, status: T['status']): Promise<Stored<T>> {
    if (sameJson(status ?? {}, o.status ?? {})) return o;
    return this.wrote(await this.#client.updateStatus(this.#kind, { ...o, status }));
  }
}
