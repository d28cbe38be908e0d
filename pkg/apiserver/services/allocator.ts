import { IPAddresses, type Service, Services } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { type FieldError, forbidden, invalid } from '#api/meta/fielderrors.ts';
import { canonicalAddress, type IpFamily } from '#api/meta/ip.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import type { Storage } from '#storage/storage.ts';
import type { ResourceTable } from '../registry/resource.ts';
import type { WriteHook } from '../registry/writer.ts';
import { settleFamilies } from './families.ts';
import { addressLedger, portLedger } from './ledgers.ts';
import { type NumberRange, PORT_BAND, pickAbove } from './range.ts';
import { ServiceRanges } from './ranges.ts';
import { Reservations } from './reservations.ts';
import { addressesOf, nodePortsOf, ownerOf } from './used.ts';

export interface AllocatorOptions {
  /** One range, or one of each address family, the primary one first. @see AddressRange */
  readonly serviceCidrs: readonly string[];
  readonly nodePorts: NumberRange;
  readonly clock: Clock;
}

interface Reservation {
  readonly from: Reservations;
  readonly what: string;
  readonly revision: number;
}

type Spec = NonNullable<Service['spec']>;

/** A Service about to be stored, and what has been reserved for it so far. */
interface ServiceWrite {
  readonly service: Service;
  /** That of `service`; gets what is given out. */
  readonly spec: Spec;
  /** As it is stored now. */
  readonly old: Service | undefined;
  /** namespace/name */
  readonly owner: string;
  readonly dryRun: boolean;
  readonly taken: Reservation[];
}

/** Something to be reserved: what is wanted or, without that, whatever is free. */
interface Wanted {
  readonly from: Reservations;
  readonly wanted: string | undefined;
  /** Undefined when all are taken. @param tried taken, though it may not be known yet */
  readonly free: (tried: ReadonlySet<string>) => string | undefined;
  /** What to say when somebody has what is wanted. */
  readonly taken: string;
}

const MAX_TRIES = 32;

const needsClusterIp = (spec: Spec): boolean => spec.type !== 'ExternalName' && spec.clusterIP !== 'None';
const needsNodePorts = (spec: Spec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);

const needsHealthPort = (spec: Spec): boolean => spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';

/** Gives Services their cluster IPs and node ports, and takes them back. */
export class ServiceAllocator implements WriteHook {
  readonly resource = 'services';
  readonly ranges: ServiceRanges;
  readonly addresses: Reservations;
  readonly #resources: ResourceTable;
  readonly #ports: NumberRange;
  readonly #nodePortsInUse: Reservations;

  constructor(storage: Storage, resources: ResourceTable, options: AllocatorOptions) {
    const services = resources.of(Services).prefix;
    const ledger = addressLedger(resources.of(IPAddresses), () => options.clock.now());
    this.#resources = resources;
    this.addresses = new Reservations(storage, ledger, services, options.clock);
    this.ranges = new ServiceRanges(resources, options.serviceCidrs);
    this.#ports = options.nodePorts;
    this.#nodePortsInUse = new Reservations(storage, portLedger, services, options.clock);
  }

  /** First address of the primary range. */
  get kubernetesServiceIp(): string {
    return this.ranges.configured[0]?.first ?? '';
  }

  async before(o: KubeObject, old: Stored<KubeObject> | undefined, dryRun: boolean): Promise<{ undo(): void }> {
    const service = o as Service;
    const taken: Reservation[] = [];
    const undo = (): void => {
      for (const r of taken) void r.from.release(r.what, r.revision);
    };
    const { spec } = service;
    if (!spec) return { undo };
    const owner = ownerOf(service);
    const w = { service, spec, old: old as Service | undefined, owner, dryRun, taken };
    try {
      this.#families(w);
      await this.#clusterIps(w);
      await this.#nodePorts(w);
      await this.#healthPort(w);
    } catch (e) {
      undo();
      throw e;
    }
    return { undo };
  }

  #families({ service, spec, old }: ServiceWrite): void {
    const problems = settleFamilies(spec, old?.spec, this.ranges.families);
    if (problems.length > 0) throw this.#invalid(service, ...problems);
  }

  /** One address of each family; those it has already stay. */
  async #clusterIps(w: ServiceWrite): Promise<void> {
    const { spec, old } = w;
    if (!needsClusterIp(spec)) {
      if (spec.clusterIP === 'None') spec.clusterIPs = ['None'];
      return;
    }
    const before = new Set(addressesOf(old));
    const ips: string[] = [];
    for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
      const given = spec.clusterIPs?.[i];
      if (given !== undefined && before.has(canonicalAddress(given) ?? '')) ips.push(given);
      else ips.push(await this.#clusterIp(w, family, given));
    }
    spec.clusterIPs = ips;
    if (ips[0] !== undefined) spec.clusterIP = ips[0];
  }

  async #clusterIp(w: ServiceWrite, family: IpFamily, given: string | undefined): Promise<string> {
    const { service, spec } = w;
    const fail = (why: string): Error => this.#invalid(service, invalid('spec.clusterIPs', spec.clusterIPs ?? [], why));
    const ranges = this.ranges.of(family);
    // A range that was taken away from the cluster: what a Service had of it, it keeps.
    if (ranges.length === 0) throw fail(`${family} is not configured on this cluster`);
    if (given !== undefined && !this.ranges.holds(given)) {
      const valid = `The range of valid IPs is ${ranges.map((r) => r.cidr).join(', ')}`;
      throw fail(`failed to allocate IP ${given}: the provided IP (${given}) is not in the valid range. ${valid}`);
    }
    const wanted = given === undefined ? undefined : canonicalAddress(given);
    const { cache } = this.#resources.of(IPAddresses);
    const request: Wanted = {
      from: this.addresses,
      wanted,
      free: (tried) => this.ranges.free(family, (ip) => cache.get(ip) !== undefined, tried),
      taken: `failed to allocate IP ${wanted}: provided IP is already allocated`,
    };
    return this.#reserve(w, request, fail);
  }

  async #nodePorts(w: ServiceWrite): Promise<void> {
    const { service, spec, old } = w;
    if (!needsNodePorts(spec)) {
      if (spec.type === 'ClusterIP') for (const p of spec.ports ?? []) delete p.nodePort;
      return;
    }
    const before = old?.spec?.ports ?? [];
    const mine = new Set(before.map((p) => p.nodePort).filter((p) => p !== undefined));
    for (const [i, port] of (spec.ports ?? []).entries()) {
      const previous = before.find((p) => p.port === port.port && p.protocol === port.protocol)?.nodePort;
      if (!port.nodePort && previous) port.nodePort = previous;
      if (port.nodePort && mine.has(port.nodePort)) continue;
      const wanted = port.nodePort || undefined;
      const field = `spec.ports[${i}].nodePort`;
      this.#checkPort(service, field, wanted);
      port.nodePort = await this.#port(w, wanted, (why) =>
        wanted === undefined ? forbidden(field, why) : invalid(field, wanted, why),
      );
      mine.add(port.nodePort);
    }
  }

  #checkPort(service: Service, field: string, wanted: number | undefined): void {
    const { first, count } = this.#ports;
    if (wanted === undefined || (wanted >= first && wanted < first + count)) return;
    const why = `provided port is not in the valid range. The range of valid ports is ${first}-${first + count - 1}`;
    throw this.#invalid(service, invalid(field, wanted, why));
  }

  /** The port on which nodes tell a load balancer whether they have endpoints (externalTrafficPolicy Local). */
  async #healthPort(w: ServiceWrite): Promise<void> {
    const { service, spec, old } = w;
    if (!needsHealthPort(spec)) return;
    const previous = old?.spec?.healthCheckNodePort;
    const wanted = spec.healthCheckNodePort || undefined;
    if (previous && (!wanted || wanted === previous)) {
      spec.healthCheckNodePort = previous;
      return;
    }
    this.#checkPort(service, 'spec.healthCheckNodePort', wanted);
    spec.healthCheckNodePort = await this.#port(w, wanted, (why) =>
      invalid('spec.healthCheckNodePort', wanted ?? 0, why),
    );
  }

  async #port(w: ServiceWrite, wanted: number | undefined, fail: (why: string) => FieldError): Promise<number> {
    const used = wanted === undefined ? this.#portsInUse() : undefined;
    const request: Wanted = {
      from: this.#nodePortsInUse,
      wanted: wanted === undefined ? undefined : String(wanted),
      free: (tried) =>
        pickAbove(this.#ports, PORT_BAND, (n) => tried.has(String(n)) || used?.has(String(n)) === true)?.toString(),
      taken: 'provided port is already allocated',
    };
    return Number(await this.#reserve(w, request, (why) => this.#invalid(w.service, fail(why))));
  }

  async #reserve(w: ServiceWrite, r: Wanted, fail: (why: string) => Error): Promise<string> {
    const tried = new Set<string>();
    for (let i = 0; i < MAX_TRIES; i++) {
      const found = r.wanted ?? r.free(tried);
      if (found === undefined) throw fail('range is full');
      if (w.dryRun) return found;
      const revision = await r.from.take(found, w.owner);
      if (revision !== undefined) {
        w.taken.push({ from: r.from, what: found, revision });
        return found;
      }
      if (r.wanted !== undefined) {
        if (await r.from.takeOver(found, w.owner)) return found;
        throw fail(r.taken);
      }
      tried.add(found);
    }
    throw fail('range is full');
  }

  #portsInUse(): Set<string> {
    const entries = this.#resources.of(Services).cache.list('');
    return new Set(entries.flatMap(({ object }) => nodePortsOf(object)));
  }

  #invalid(service: Service, ...problems: FieldError[]): Error {
    return errors.invalid({ group: '', plural: 'services', kind: 'Service' }, service.metadata?.name ?? '', problems);
  }

  /** What the Service no longer uses is free for others. */
  afterUpdate(o: KubeObject, old: Stored<KubeObject>, _: unknown, revision: number): void {
    this.#giveBack(old, o, revision);
  }

  afterDelete(old: Stored<KubeObject>, _: unknown, revision: number): void {
    this.#giveBack(old, undefined, revision);
  }

  #giveBack(old: KubeObject, now: KubeObject | undefined, revision: number): void {
    const owner = ownerOf(old);
    const kept = { ips: addressesOf(now), ports: nodePortsOf(now) };
    for (const ip of addressesOf(old)) if (!kept.ips.includes(ip)) void this.addresses.giveBack(ip, owner, revision);
    for (const port of nodePortsOf(old))
      if (!kept.ports.includes(port)) void this.#nodePortsInUse.giveBack(port, owner, revision);
  }

  /**
   * Removes reservations that no Service uses, and makes those that are missing. Safe to run on every server.
   * @returns how many were removed and made
   */
  async repair(): Promise<number> {
    const ips = new Map<string, string>();
    const ports = new Map<string, string>();
    for (const { object } of this.#resources.of(Services).cache.list('')) {
      for (const ip of addressesOf(object)) ips.set(ip, ownerOf(object));
      for (const port of nodePortsOf(object)) ports.set(port, ownerOf(object));
    }
    return (await this.addresses.repair(ips)) + (await this.#nodePortsInUse.repair(ports));
  }
}
