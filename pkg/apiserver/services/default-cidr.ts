import { type ServiceCIDR, ServiceCIDRs } from '#api/kinds/index.ts';
import { copyJson } from '#api/meta/copy.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import { SERVICE_CIDR_FINALIZER, serviceCidrReady } from '#api/networking/service-cidr.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import type { Storage } from '#storage/storage.ts';
import type { Resource, ResourceTable } from '../registry/resource.ts';
import { ObjectStore } from '../registry/store.ts';
import type { Writer } from '../registry/writer.ts';
import type { WriteHandlers } from '../rest/write.ts';
import { systemTarget } from '../system/target.ts';
import { DEFAULT_CIDR } from './ranges.ts';

export interface DefaultCidrDeps {
  readonly resources: ResourceTable;
  readonly storage: Storage;
  readonly writer: Writer;
  readonly writes: WriteHandlers;
  readonly clock: Clock;
  readonly logger: Logger;
}

const cidrsOf = (o: KubeObject): readonly string[] => (o as ServiceCIDR).spec?.cidrs ?? [];

/** Keeps the ServiceCIDR `kubernetes`, which tells what --service-cluster-ip-range says. */
export class DefaultServiceCidr {
  readonly #deps: DefaultCidrDeps;
  readonly #cidrs: readonly string[];
  #told = false;

  /** @param cidrs as the API has them, the primary one first */
  constructor(deps: DefaultCidrDeps, cidrs: readonly string[]) {
    this.#deps = deps;
    this.#cidrs = cidrs;
  }

  get #resource(): Resource {
    return this.#deps.resources.of(ServiceCIDRs) as Resource;
  }

  /** Makes it where it is missing. Without it this server uses its flag: a policy that forbids the object stops nothing. */
  async ensure(): Promise<void> {
    try {
      const held = this.#resource.cache.get(DEFAULT_CIDR)?.object;
      if (!held) await this.#create();
      else if (!sameJson(cidrsOf(held), this.#cidrs)) await this.#differs(held);
      if (!held?.metadata.deletionTimestamp) await this.#ready();
    } catch (err) {
      this.#deps.logger.warn({ err }, `the ServiceCIDR "${DEFAULT_CIDR}" was not written`);
    }
  }

  async #create(): Promise<void> {
    const o = {
      metadata: { name: DEFAULT_CIDR, finalizers: [SERVICE_CIDR_FINALIZER] },
      spec: { cidrs: [...this.#cidrs] },
    };
    try {
      await this.#deps.writer.create(systemTarget(this.#resource, DEFAULT_CIDR), o as KubeObject);
    } catch (e) {
      // Another server was first.
      if (!isAlreadyExists(e)) throw e;
    }
  }

  /** A cluster may get a second address family; any other change is not made behind the back of those who use addresses. */
  async #differs(held: Stored<KubeObject>): Promise<void> {
    if (this.#cidrs.length === 2 && sameJson(cidrsOf(held), this.#cidrs.slice(0, 1))) {
      const store = new ObjectStore(this.#resource, this.#deps.storage);
      await store.change(DEFAULT_CIDR, DEFAULT_CIDR, (o) => {
        if (cidrsOf(o).length !== 1) return { do: 'nothing' };
        return { do: 'write', object: { ...copyJson(o), spec: { cidrs: [...this.#cidrs] } } as KubeObject };
      });
      return;
    }
    if (this.#told) return;
    this.#told = true;
    this.#deps.logger.warn(
      { flag: this.#cidrs, serviceCidr: cidrsOf(held) },
      `the ServiceCIDR "${DEFAULT_CIDR}" is not what --service-cluster-ip-range says: Services get addresses of the ServiceCIDR`,
    );
  }

  /** Nobody may have started the controller that says so of others. */
  async #ready(): Promise<void> {
    const now = apiTime(this.#deps.clock.now());
    const next = (old: Stored<KubeObject>): KubeObject => {
      const { conditions = [] } = (old as ServiceCIDR).status ?? {};
      if (conditions.some((c) => c.type === 'Ready') || old.metadata.deletionTimestamp) return copyJson(old);
      return { ...copyJson(old), status: { conditions: [...conditions, serviceCidrReady(now)] } } as KubeObject;
    };
    const held = this.#resource.cache.get(DEFAULT_CIDR)?.object as ServiceCIDR | undefined;
    if (held?.status?.conditions?.length) return;
    try {
      await this.#deps.writes.change(systemTarget(this.#resource, DEFAULT_CIDR, '', 'status'), next);
    } catch (e) {
      if (!isNotFound(e) && !isConflict(e)) throw e;
    }
  }
}
