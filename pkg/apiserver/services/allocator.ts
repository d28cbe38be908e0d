import { type Service, Services } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { type FieldError, forbidden, invalid } from '#api/meta/fielderrors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { type Storage, StorageError } from '#storage/storage.ts';
import type { ResourceTable } from '../registry/resource.ts';
import type { WriteHook } from '../registry/writer.ts';
import { formatIpv4, parseCidr, parseIpv4 } from './ipv4.ts';
import { type NumberRange, pickFree } from './range.ts';

/**
 * Each address and node port in use is one key in etcd, so two apiservers can never hand out the same one: the second
 * create fails. The value names the Service, which lets the repair find keys whose Service is gone.
 */
const IP_PREFIX = '/registry/ranges/serviceips/';
const PORT_PREFIX = '/registry/ranges/servicenodeports/';

export interface AllocatorOptions {
  readonly serviceCidr: string;
  readonly nodePorts: NumberRange;
}

interface Reservation {
  readonly key: string;
  readonly revision: number;
}

type Spec = NonNullable<Service['spec']>;

const MAX_TRIES = 32;

const needsClusterIp = (spec: Spec): boolean => spec.type !== 'ExternalName' && spec.clusterIP !== 'None';
const needsNodePorts = (spec: Spec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);

/** Gives Services their cluster IPs and node ports, and takes them back. */
export class ServiceAllocator implements WriteHook {
  readonly resource = 'services';
  readonly #storage: Storage;
  readonly #resources: ResourceTable;
  readonly #ips: NumberRange;
  readonly #ports: NumberRange;
  readonly #cidr: string;

  constructor(storage: Storage, resources: ResourceTable, options: AllocatorOptions) {
    const { base, size } = parseCidr(options.serviceCidr);
    this.#storage = storage;
    this.#resources = resources;
    // The network and broadcast addresses are never given out.
    this.#ips = { first: base + 1, count: size - 2 };
    this.#ports = options.nodePorts;
    this.#cidr = options.serviceCidr;
  }

  async before(o: KubeObject, old: Stored<KubeObject> | undefined, dryRun: boolean): Promise<{ undo(): void }> {
    const service = o as Service;
    const taken: Reservation[] = [];
    const undo = (): void => {
      for (const r of taken) void this.#release(r.key, r.revision);
    };
    const { spec } = service;
    if (!spec) return { undo };
    const owner = `${service.metadata?.namespace}/${service.metadata?.name}`;
    try {
      await this.#clusterIp(service, old as Service | undefined, owner, dryRun, taken);
      await this.#nodePorts(service, old as Service | undefined, owner, dryRun, taken);
    } catch (e) {
      undo();
      throw e;
    }
    return { undo };
  }

  async #clusterIp(
    service: Service,
    old: Service | undefined,
    owner: string,
    dryRun: boolean,
    taken: Reservation[],
  ): Promise<void> {
    const spec = service.spec as Spec;
    if (!needsClusterIp(spec)) {
      if (spec.clusterIP === 'None') spec.clusterIPs = ['None'];
      return;
    }
    const before = old?.spec?.clusterIP;
    if (before && before !== 'None' && (!spec.clusterIP || spec.clusterIP === before)) {
      spec.clusterIP = before;
      spec.clusterIPs = [before];
      return;
    }
    const wanted = spec.clusterIP ? this.#checkIp(service, spec.clusterIP) : undefined;
    const n = await this.#reserve(
      { prefix: IP_PREFIX, range: this.#ips, wanted, owner, dryRun, text: formatIpv4 },
      taken,
      (why) => this.#invalid(service, invalid('spec.clusterIPs', spec.clusterIP ? [spec.clusterIP] : [], why)),
    );
    spec.clusterIP = formatIpv4(n);
    spec.clusterIPs = [spec.clusterIP];
  }

  #checkIp(service: Service, ip: string): number {
    let n: number;
    try {
      n = parseIpv4(ip);
    } catch {
      throw this.#invalid(
        service,
        invalid('spec.clusterIPs[0]', ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
      );
    }
    if (n < this.#ips.first || n >= this.#ips.first + this.#ips.count) {
      const why = `failed to allocate IP ${ip}: the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${this.#cidr}`;
      throw this.#invalid(service, invalid('spec.clusterIPs', [ip], why));
    }
    return n;
  }

  async #nodePorts(
    service: Service,
    old: Service | undefined,
    owner: string,
    dryRun: boolean,
    taken: Reservation[],
  ): Promise<void> {
    const spec = service.spec as Spec;
    if (!needsNodePorts(spec)) {
      if (spec.type === 'ClusterIP') for (const p of spec.ports ?? []) delete p.nodePort;
      return;
    }
    const mine = new Set((old?.spec?.ports ?? []).map((p) => p.nodePort).filter((p) => p !== undefined));
    for (const [i, port] of (spec.ports ?? []).entries()) {
      const previous = old?.spec?.ports?.find((p) => p.port === port.port && p.protocol === port.protocol)?.nodePort;
      if (!port.nodePort && previous) port.nodePort = previous;
      if (port.nodePort && mine.has(port.nodePort)) continue;
      const wanted = port.nodePort || undefined;
      const field = `spec.ports[${i}].nodePort`;
      const { first, count } = this.#ports;
      if (wanted !== undefined && (wanted < first || wanted >= first + count)) {
        const why = `provided port is not in the valid range. The range of valid ports is ${first}-${first + count - 1}`;
        throw this.#invalid(service, invalid(field, wanted, why));
      }
      const request = { prefix: PORT_PREFIX, range: this.#ports, wanted, owner, dryRun, text: String };
      port.nodePort = await this.#reserve(request, taken, (why) =>
        this.#invalid(service, wanted === undefined ? forbidden(field, why) : invalid(field, wanted, why)),
      );
      mine.add(port.nodePort);
    }
  }

  async #reserve(
    r: {
      prefix: string;
      range: NumberRange;
      wanted: number | undefined;
      owner: string;
      dryRun: boolean;
      text: (n: number) => string;
    },
    taken: Reservation[],
    fail: (why: string) => Error,
  ): Promise<number> {
    const used = this.#inUse(r.prefix);
    for (let i = 0; i < MAX_TRIES; i++) {
      const n = r.wanted ?? pickFree(r.range, (x) => used.has(x));
      if (n === undefined) throw fail('range is full');
      if (r.dryRun) return n;
      const key = r.prefix + r.text(n);
      try {
        const revision = await this.#storage.create(key, Buffer.from(r.owner));
        taken.push({ key, revision });
        return n;
      } catch (e) {
        if (!(e instanceof StorageError) || e.kind !== 'exists') throw e;
        if (r.wanted !== undefined && !(await this.#takeOver(key, r.owner))) {
          throw fail(
            r.prefix === PORT_PREFIX
              ? 'provided port is already allocated'
              : `failed to allocate IP ${r.text(n)}: provided IP is already allocated`,
          );
        }
        if (r.wanted !== undefined) return n;
        used.add(n);
      }
    }
    throw fail('range is full');
  }

  /** A key left by a write that died half-way, or by a deletion in progress, may be taken over. */
  async #takeOver(key: string, owner: string): Promise<boolean> {
    const kv = await this.#storage.get(key);
    if (!kv) return false;
    const holder = kv.value.toString();
    const services = this.#resources.of(Services);
    const live = holder !== owner && (await this.#storage.get(services.prefix + holder));
    if (live) return false;
    try {
      await this.#storage.update(key, Buffer.from(owner), kv.modRevision);
      return true;
    } catch {
      return false;
    }
  }

  #inUse(prefix: string): Set<number> {
    const used = new Set<number>();
    for (const { object } of this.#resources.of(Services).cache.list('')) {
      const { spec } = object as Service;
      if (prefix === IP_PREFIX) {
        if (spec?.clusterIP && spec.clusterIP !== 'None') used.add(parseIpv4(spec.clusterIP));
      } else for (const p of spec?.ports ?? []) if (p.nodePort) used.add(p.nodePort);
    }
    return used;
  }

  #invalid(service: Service, problem: FieldError): Error {
    return errors.invalid({ group: '', plural: 'services', kind: 'Service' }, service.metadata?.name ?? '', [problem]);
  }

  afterDelete(old: Stored<KubeObject>): void {
    const { spec } = old as Service;
    if (spec?.clusterIP && spec.clusterIP !== 'None') void this.#release(IP_PREFIX + spec.clusterIP);
    for (const p of spec?.ports ?? []) if (p.nodePort) void this.#release(PORT_PREFIX + p.nodePort);
  }

  /** Best effort: what a crash leaves behind is taken over or repaired later. */
  async #release(key: string, revision?: number): Promise<void> {
    try {
      const at = revision ?? (await this.#storage.get(key))?.modRevision;
      if (at !== undefined) await this.#storage.delete(key, at);
    } catch (e) {
      if (!(e instanceof StorageError)) throw e;
    }
  }

  /** Removes reservations whose Service no longer exists or no longer uses them. Safe to run on every server. */
  async repair(): Promise<number> {
    let removed = 0;
    for (const prefix of [IP_PREFIX, PORT_PREFIX]) {
      const { items } = await this.#storage.list(prefix, {});
      const used = this.#inUse(prefix);
      for (const kv of items) {
        const text = kv.key.slice(prefix.length);
        if (used.has(prefix === IP_PREFIX ? parseIpv4(text) : Number(text))) continue;
        if (await this.#storage.get(this.#resources.of(Services).prefix + kv.value.toString())) continue;
        await this.#release(kv.key, kv.modRevision);
        removed++;
      }
    }
    return removed;
  }
}
