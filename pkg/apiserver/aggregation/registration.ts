import { apiVersionOf } from '#api/kind.ts';
import { type APIService, APIServices } from '#api/kinds/index.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import type { Deleter } from '../registry/deleter.ts';
import type { Resource, ResourceTable } from '../registry/resource.ts';
import type { Target, Writer } from '../registry/writer.ts';
import { systemTarget } from '../system/target.ts';
import { localPriority } from './priorities.ts';

export interface RegistrationDeps {
  readonly resources: ResourceTable;
  readonly writer: Writer;
  readonly deleter: Deleter;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Who keeps an APIService: "onstart": made once at the start; "true": kept as long as its group and version is served. */
const MANAGED = 'kube-aggregator.kubernetes.io/automanaged';
const GATHER_MS = 50;
const REPAIR_MS = 60_000;
const PARALLEL = 4;
/** Not served by the kinds it describes, but by what describes them. */
const ITSELF = 'apiregistration.k8s.io';

interface Wanted {
  readonly group: string;
  readonly version: string;
  readonly custom: boolean;
}

/** Keeps an APIService for every group and version that this server itself serves. Every server runs it. */
export class Registration {
  readonly #deps: RegistrationDeps;
  #busy = false;
  #again = false;
  /** What is registered at the start only has been, once. */
  #registered = false;

  constructor(deps: RegistrationDeps) {
    this.#deps = deps;
  }

  /** Registers what is served now in the background, and follows changes until the signal aborts. */
  start(signal: AbortSignal): void {
    const { clock, resources } = this.#deps;
    let pending = false;
    const soon = (): void => {
      if (pending || signal.aborted) return;
      pending = true;
      const run = (): void => {
        pending = false;
        this.#run(signal);
      };
      clock.after(GATHER_MS, run, { unref: true });
    };
    resources.onChange(soon);
    const repair = (): void => {
      if (signal.aborted) return;
      soon();
      clock.after(REPAIR_MS, repair, { unref: true });
    };
    this.#run(signal);
    clock.after(REPAIR_MS, repair, { unref: true });
  }

  #run(signal: AbortSignal): void {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    this.#settle()
      .catch((err: unknown) => {
        if (!signal.aborted) this.#deps.logger.warn({ err }, 'APIServices will be registered later');
      })
      .finally(() => {
        this.#busy = false;
        if (this.#again && !signal.aborted) {
          this.#again = false;
          this.#run(signal);
        }
      });
  }

  get #table(): Resource {
    return this.#deps.resources.of(APIServices) as unknown as Resource;
  }

  #wanted(): Map<string, Wanted> {
    const wanted = new Map<string, Wanted>();
    for (const { kind } of this.#deps.resources.all()) {
      const { group, version, custom = false } = kind;
      if (group !== ITSELF) wanted.set(`${version}.${group}`, { group, version, custom });
    }
    return wanted;
  }

  async #settle(): Promise<void> {
    const wanted = this.#wanted();
    const present = this.#table.cache.list('').map((e) => e.object as Stored<APIService>);
    const names = new Set(present.map((o) => o.metadata.name));
    const missing = [...wanted].filter(([name, w]) => !names.has(name) && (!this.#registered || w.custom));
    const over = present.filter(
      (o) => o.metadata.labels?.[MANAGED] === 'true' && !o.spec?.service && !wanted.has(o.metadata.name),
    );
    const work = [
      ...missing.map(
        ([name, w]) =>
          () =>
            this.#create(name, w),
      ),
      ...over.map((o) => () => this.#delete(o)),
    ].values();
    const lane = async (): Promise<void> => {
      for (const step of work) await step();
    };
    await Promise.all(Array.from({ length: PARALLEL }, lane));
    this.#registered = true;
  }

  #target(name: string): Target {
    return systemTarget(this.#table, name);
  }

  async #create(name: string, { group, version, custom }: Wanted): Promise<void> {
    const metadata = { name, labels: { [MANAGED]: custom ? 'true' : 'onstart' } };
    const spec = { ...(group ? { group } : {}), version, ...localPriority(group, version) };
    const object = { apiVersion: apiVersionOf(APIServices), kind: APIServices.kind, metadata, spec } as KubeObject;
    try {
      await this.#deps.writer.create(this.#target(name), object);
    } catch (e) {
      if (!isAlreadyExists(e)) throw e;
    }
  }

  async #delete({ metadata: { name, uid, resourceVersion } }: Stored<APIService>): Promise<void> {
    try {
      await this.#deps.deleter.delete(this.#target(name), { preconditions: { uid, resourceVersion } });
    } catch (e) {
      if (!isNotFound(e) && !isConflict(e)) throw e;
    }
  }
}
