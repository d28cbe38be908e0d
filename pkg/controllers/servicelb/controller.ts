import { type EndpointSlice, EndpointSlices, type Node, Nodes, type Service, Services } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { familyOf } from '#api/meta/ip.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import {
  type Controller,
  type ControllerDeps,
  keyOf,
  type Outcome,
  splitKey,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { KindWrites } from '../harness/kind-writes.ts';
import type { Note } from '../harness/note.ts';
import { addressesOf, entryPoints, takenPort } from './addresses.ts';
import { ANNOUNCED_BY, addressesHeld, announcerOf, assign, type Problem, sourceOf } from './assign.ts';
import { DELETED, DELETING, notesOn, notesOnSpec } from './notes.ts';
import { type AddressPool, NODES } from './pools.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';
const OF_SERVICE = 'slices-of-service';
const GATHER_MS = 50;
/** False while a service waits for an address; absent otherwise. */
const CONDITION = 'coxswain.dev/AddressAssigned';
const waits = ({ status }: Service): boolean => (status?.conditions ?? []).some((c) => c.type === CONDITION);

/** What a service is to have. */
interface Verdict {
  readonly ips: readonly string[];
  readonly announcer?: string | undefined;
  readonly problem?: Problem;
}
const NOTHING: Verdict = { ips: [] };

/**
 * Load balancers for bare hosts. A Service of that type is reached at its port on the addresses of the nodes, whose
 * proxies do the rest; of two services that want one port the older has it. Where pools of addresses are configured it
 * gets one of its own of each of its families instead, for which one node answers on the LAN. One worker: addresses are given one after the other.
 */
class ServiceLoadBalancer implements Controller {
  readonly name = 'service-lb';
  readonly workers = 1;
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #pools: readonly AddressPool[];
  readonly #services;
  readonly #nodes;
  readonly #slices;
  readonly #events;
  readonly #written: KindWrites<Service>;

  constructor(deps: ControllerDeps, pools: readonly AddressPool[]) {
    this.#deps = deps;
    this.#pools = pools;
    this.#services = deps.informers.informer(Services);
    this.#nodes = deps.informers.informer(Nodes);
    this.#slices = deps.informers.informer(EndpointSlices);
    this.#slices.addIndex(OF_SERVICE, (s) => [`${s.metadata.namespace}/${s.metadata.labels?.[SERVICE_LABEL]}`]);
    this.#events = deps.events('service-controller');
    this.#written = new KindWrites(deps.client, Services);
    this.watches = [
      watching(Services, (s, old, gone) => this.#keysOfService(s, old, gone)),
      watching(Nodes, (n, old, gone) => this.#keysOfNode(n, old, gone), { delayMs: GATHER_MS }),
      watching(EndpointSlices, (s) => this.#keysOfSlice(s), { delayMs: GATHER_MS }),
    ];
  }

  #keysOfService(s: Stored<Service>, old: Stored<Service> | undefined, gone: boolean): string[] {
    if (gone) this.#written.forget(s.metadata.uid);
    const isServed = this.#isServed(s);
    const wasServed = old !== undefined && this.#isServed(old);
    if (!isServed && !wasServed && !s.status?.loadBalancer?.ingress) return [];
    if (gone && isServed && addressesHeld(s).length > 0) this.#tell(s, [DELETING, DELETED]);
    if (old && (isServed || wasServed) && old.metadata.uid === s.metadata.uid) this.#tell(s, notesOnSpec(old, s));
    // A port or an address may have become free, or be wanted twice.
    const others = [...this.#concerned(s), ...(old ? this.#concerned(old) : [])];
    return [...new Set([...(gone ? [] : [keyOf(s)]), ...others])];
  }

  #keysOfNode(n: Stored<Node>, old: Stored<Node> | undefined, gone: boolean): string[] {
    if (!gone && old && sameJson(addressesOf(old), addressesOf(n))) return [];
    return [...this.#all('nodes'), ...this.#all('pools')].map(keyOf);
  }

  #keysOfSlice({ metadata }: Stored<EndpointSlice>): string[] {
    const name = metadata.labels?.[SERVICE_LABEL];
    const service = name ? this.#services.lister.get(name, metadata.namespace) : undefined;
    const asks = service && this.#isServed(service) && service.spec?.externalTrafficPolicy === 'Local';
    return asks ? [keyOf(service)] : [];
  }

  /** Those whom a change of one service may give, or take, what they have. */
  #concerned(s: Stored<Service>): string[] {
    const held = new Set(addressesHeld(s));
    const rivals = this.#all('pools').filter((o) => {
      const theirs = addressesHeld(o);
      return theirs.length === 0 || waits(o) || theirs.some((ip) => held.has(ip));
    });
    return [...(sourceOf(s, this.#pools) === NODES ? this.#all('nodes') : []), ...rivals].map(keyOf);
  }

  #isServed(s: Service): boolean {
    return sourceOf(s, this.#pools) !== undefined;
  }

  #all(of: 'nodes' | 'pools'): Stored<Service>[] {
    return [...this.#services.lister.list()].filter((s) => {
      const source = sourceOf(s, this.#pools);
      return source !== undefined && (source === NODES) === (of === 'nodes');
    });
  }

  #fresh(of: 'nodes' | 'pools'): Stored<Service>[] {
    return this.#all(of).map((s) => this.#written.freshest(s));
  }

  #localNodes(key: string): Set<string> {
    const found = this.#slices.lister.byIndex(OF_SERVICE, key).flatMap((s) => s.endpoints ?? []);
    return new Set(found.flatMap((e) => (e.conditions?.ready && e.nodeName ? [e.nodeName] : [])));
  }

  /** Nodes that can answer for these addresses: who is in the LAN with each of their families. */
  #eligible(service: Stored<Service>, ips: readonly string[]): Set<string> {
    const families = ips.map(familyOf);
    const ready = [...this.#nodes.lister.list()].flatMap((n) => {
      const own = addressesOf(n);
      return families.every((f) => own[f] !== undefined) ? [n.metadata.name] : [];
    });
    if (service.spec?.externalTrafficPolicy !== 'Local') return new Set(ready);
    const local = this.#localNodes(keyOf(service));
    return new Set(ready.filter((n) => local.has(n)));
  }

  #verdictOn(service: Stored<Service>): Verdict {
    const source = sourceOf(service, this.#pools);
    if (source === undefined || service.metadata.deletionTimestamp) return NOTHING;
    if (source === NODES) {
      const taken = takenPort(service, this.#fresh('nodes'));
      if (!taken) return { ips: entryPoints(service, this.#nodes.lister.list(), this.#localNodes(keyOf(service))) };
      const message = `port ${taken} of the nodes is taken by an older service`;
      return { ips: [], problem: { reason: 'PortInUse', message } };
    }
    const others = this.#fresh('pools');
    const { ips, problem } = assign(service, source, others);
    const announcer = ips.length > 0 ? announcerOf(service, this.#eligible(service, ips), others) : undefined;
    return { ips, announcer, ...(problem ? { problem } : {}) };
  }

  async #writeStatus(service: Stored<Service>, { ips, problem }: Verdict): Promise<Stored<Service>> {
    const ingress = ips.map((ip) => ({ ip, ipMode: 'VIP' }));
    const { conditions = [], loadBalancer, ...rest } = service.status ?? {};
    const before = conditions.find((c) => c.type === CONDITION);
    const others = conditions.filter((c) => c !== before);
    const told = problem && {
      ...{ type: CONDITION, status: 'False' as const, reason: problem.reason, message: problem.message },
      lastTransitionTime: before?.lastTransitionTime ?? apiTime(this.#deps.clock.now()),
    };
    if (sameJson(ingress, loadBalancer?.ingress ?? []) && sameJson(told, before)) return service;
    const next = told ? [...others, told] : others;
    const source = sourceOf(service, this.#pools);
    const change = { had: addressesHeld(service), has: ips, isOfNodes: source === NODES, problem };
    const notes = notesOn({ ...change, isWanted: source !== undefined && !service.metadata.deletionTimestamp });
    this.#tell(service, notes.before);
    const result = await this.#written.status(service, {
      ...rest,
      ...(next.length > 0 ? { conditions: next } : {}),
      loadBalancer: ingress.length > 0 ? { ingress } : {},
    });
    this.#tell(service, notes.after);
    return result;
  }

  #tell(service: Stored<Service>, notes: readonly Note[]): void {
    for (const note of notes) this.#events.event(service, ...note);
  }

  async #writeAnnouncer(service: Stored<Service>, announcer: string | undefined): Promise<void> {
    if (service.metadata.annotations?.[ANNOUNCED_BY] === announcer) return;
    const { name, namespace = '', uid } = service.metadata;
    const body = { metadata: { uid, annotations: { [ANNOUNCED_BY]: announcer ?? null } } };
    this.#written.wrote(await this.#deps.client.patch(Services, { name, namespace }, { type: 'merge', body }));
  }

  async reconcile(key: string): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const cached = this.#services.lister.get(name, namespace);
    if (!cached) return undefined;
    const service = this.#written.freshest(cached);
    // What another implementation serves is that one's, its status too.
    if (!this.#isServed(service) && service.spec?.type === 'LoadBalancer') return undefined;
    const verdict = this.#verdictOn(service);
    await this.#writeAnnouncer(await this.#writeStatus(service, verdict), verdict.announcer);
    return undefined;
  }
}

export const serviceLoadBalancer = (deps: ControllerDeps, pools: readonly AddressPool[]): Controller =>
  new ServiceLoadBalancer(deps, pools);
