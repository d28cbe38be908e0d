import { CUSTOM_RESOURCE_CLEANUP, type CustomResourceDefinition, CustomResourceDefinitions } from '#api/kinds/index.ts';
import { copyJson } from '#api/meta/copy.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import type { ServiceResolver } from '../admission/webhooks/call.ts';
import { followCache } from '../cache/follow.ts';
import type { RegistryCache } from '../cache/registry-cache.ts';
import type { Deleter } from '../registry/deleter.ts';
import type { Resource, ResourceTable } from '../registry/resource.ts';
import type { Target } from '../registry/writer.ts';
import type { WriteHandlers } from '../rest/write.ts';
import { systemTarget } from '../system/target.ts';
import { CustomServing } from './serving.ts';
import { desiredStatus, isEstablished, takenBy } from './status.ts';

type Definition = Stored<CustomResourceDefinition>;

export interface CustomResourcesDeps {
  readonly resources: ResourceTable;
  readonly cache: RegistryCache;
  readonly writes: WriteHandlers;
  readonly deleter: Deleter;
  /** Where conversion webhooks are. */
  readonly resolve: ServiceResolver;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Between two looks at what could not be finished, milliseconds. */
const RETRY_MS = 1000;
const PARALLEL_DELETES = 16;

/**
 * Serves what CustomResourceDefinitions say, keeps their status, and empties those that are being deleted. Every server
 * runs it; each step is harmless when another server has done it already.
 */
export class CustomResources {
  readonly #deps: CustomResourcesDeps;
  readonly #serving: CustomServing;
  /** Definitions being worked on; true: look again afterwards. */
  readonly #busy = new Map<string, boolean>();
  #signal: AbortSignal | undefined;

  constructor(deps: CustomResourcesDeps) {
    this.#deps = deps;
    const { resources, cache, clock, resolve } = deps;
    this.#serving = new CustomServing({ resources, cache, conversion: { clock, resolve } });
  }

  get #definitions(): Resource {
    return this.#deps.resources.of(CustomResourceDefinitions) as unknown as Resource;
  }

  /** Serves what is defined now, and follows changes until the signal aborts. Call when the caches are loaded. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    const follower = {
      changed: (o: Stored<KubeObject>) => this.#changed(o as Definition),
      removed: (name: string) => this.#serving.remove(name),
    };
    followCache(this.#definitions.cache, follower, { clock: this.#deps.clock, signal });
  }

  /** Serving changes at once; what has to be written is done beside. */
  #changed(crd: Definition): void {
    if (isEstablished(crd)) this.#serving.serve(crd);
    this.#work(crd.metadata.name);
  }

  #work(name: string): void {
    if (this.#busy.has(name)) {
      this.#busy.set(name, true);
      return;
    }
    this.#busy.set(name, false);
    this.#settle(name)
      .catch((err: unknown) => {
        if (!isNotFound(err) && !isConflict(err)) this.#deps.logger.warn({ err, crd: name }, 'will be tried again');
        return false;
      })
      .then((done) => {
        const again = this.#busy.get(name);
        this.#busy.delete(name);
        if (again) this.#work(name);
        else if (!done) this.#deps.clock.after(RETRY_MS, () => this.#work(name), { unref: true });
      })
      .catch(() => {});
  }

  #get(name: string): Definition | undefined {
    return this.#definitions.cache.get(name)?.object as Definition | undefined;
  }

  /** @returns whether there is nothing left to do */
  async #settle(name: string): Promise<boolean> {
    const crd = this.#get(name);
    if (!crd || this.#signal?.aborted) return true;
    const others = this.#definitions.cache
      .list('')
      .map((e) => e.object as Definition)
      .filter((o) => o.spec?.group === crd.spec?.group && o.metadata.name !== name);
    const now = apiTime(this.#deps.clock.now());
    const status = desiredStatus(crd, takenBy(others), now);
    if (status !== crd.status) {
      await this.#deps.writes.change(this.#target(name, 'status'), (current) => {
        const latest = current as Definition;
        return { ...copyJson(latest), status: desiredStatus(latest, takenBy(others), now) } as KubeObject;
      });
    }
    if (!crd.metadata.deletionTimestamp || !crd.metadata.finalizers?.includes(CUSTOM_RESOURCE_CLEANUP)) {
      return status.conditions?.every((c) => c.type !== 'NamesAccepted' || c.status === 'True') ?? true;
    }
    return this.#empty(crd);
  }

  #target(name: string, subresource: string): Target {
    return systemTarget(this.#definitions, name, '', subresource);
  }

  /** The definition as it is now, unless another server has let it go meanwhile; somebody may have made it anew then. */
  #going({ metadata: { name, uid } }: Definition): Definition | undefined {
    const now = this.#get(name);
    return now?.metadata.uid === uid && now.metadata.deletionTimestamp ? now : undefined;
  }

  /** Deletes the objects of a definition, then lets it go. */
  async #empty(crd: Definition): Promise<boolean> {
    const { name, uid } = crd.metadata;
    const now = this.#going(crd);
    if (!now) return true;
    const resource = this.#serving.serve(now);
    if (resource) {
      await resource.cache.ready(this.#signal);
      await resource.cache.consistent();
      if (!this.#going(crd)) return true;
      const left = resource.cache.list('').map((e) => e.object);
      await this.#deleteAll(
        resource,
        left.filter((o) => !o.metadata.deletionTimestamp),
      );
      await resource.cache.consistent();
      if (!this.#going(crd)) return true;
      if (resource.cache.list('').length > 0) return false;
    }
    await this.#deps.writes.change(this.#target(name, ''), (current) => {
      const next = copyJson(current) as KubeObject;
      if (current.metadata.uid !== uid) return next;
      const finalizers = (next.metadata?.finalizers ?? []).filter((f) => f !== CUSTOM_RESOURCE_CLEANUP);
      next.metadata = { ...next.metadata, finalizers };
      if (finalizers.length === 0) delete next.metadata.finalizers;
      return next;
    });
    return true;
  }

  async #deleteAll(resource: Resource, objects: readonly Stored<KubeObject>[]): Promise<void> {
    const queue = objects.values();
    const base = this.#target('', '');
    const lane = async (): Promise<void> => {
      for (const { metadata } of queue) {
        const target = { ...base, resource, namespace: metadata.namespace ?? '', name: metadata.name };
        await this.#deps.deleter.delete(target, { preconditions: { uid: metadata.uid } }).catch((e: unknown) => {
          if (!isNotFound(e) && !isConflict(e)) throw e;
        });
      }
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL_DELETES, objects.length) }, lane));
  }
}
