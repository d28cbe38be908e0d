import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { type Dispatcher, H2CClient, Pool } from 'undici';
import { endpointsOfPort, type PortEndpoint, usableEndpoints } from '#api/discovery/endpoints.ts';
import { type Node, Nodes } from '#api/kinds/index.ts';
import { FAMILIES } from '#api/meta/families.ts';
import type { IpFamily } from '#api/meta/ip.ts';
import { readinessOf } from '#api/meta/readiness.ts';
import type { Clock } from '#async/clock.ts';
import { ServiceSlices } from '#client/service-slices.ts';
import type { Informer, InformerFactory } from '#client/types.ts';
import { Http1Pool } from './http1/pool.ts';
import type { Outgoing } from './http1/types.ts';
import { LibraryHandler, type UpgradeHandler } from './library.ts';
import { servicePortName } from './rules/build.ts';
import type { Backend, Protocol } from './rules/types.ts';

/** Requests under way at one endpoint; more are refused, or go to others. */
const MAX_ACTIVE = 1024;
/** Requests on one connection of HTTP/2. */
const STREAMS = 100;
/** An endpoint that could not be connected to is avoided for this long, milliseconds. */
const AVOID_MS = 5000;
/** The kernel probes a quiet peer after this. */
const TCP_KEEPALIVE_MS = 10_000;

const addressOf = (ip: string, port: number): string => (isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`);

/** A request that an endpoint was asked. */
export interface Asked {
  /** The endpoint's node is lost: what it has not begun to answer it never will. */
  onLost(): void;
}

/** A request, and how it gets to an endpoint. */
export interface Request extends Outgoing {
  readonly protocol: Protocol;
  /** The protocol it wants to change to. */
  readonly upgrade: string | undefined;
  readonly connectTimeoutMs: number;
}

/** One address and port of a pod, with the connections to it. */
export class Endpoint {
  readonly address: string;
  /** What a client's cookie names it by: tells nothing about it. */
  readonly id: string;
  /** Name of the node it is on, if that is known. */
  readonly node: string | undefined;
  /** Number of lists it is in. */
  uses = 0;
  readonly #asked = new Set<Asked>();
  #avoidUntil = 0;
  readonly #pools = { http1: new Map<number, Http1Pool>(), library: new Map<string, Pool>() };
  readonly #ip: string;
  readonly #port: number;

  constructor(ip: string, port: number, node?: string) {
    this.#ip = ip;
    this.#port = port;
    this.address = addressOf(ip, port);
    this.node = node;
    this.id = createHash('sha256').update(this.address).digest('base64url').slice(0, 16);
  }

  /**
   * Sends a request on a connection, made when it is needed. Requests of HTTP/1.1, of which there are many, go by our own
   * client, which costs much less than the library's; HTTP/2 and what changes the protocol by the library.
   * @throws Error for a request that cannot be sent as it is
   */
  dispatch(request: Request, handler: UpgradeHandler): void {
    const { connectTimeoutMs, protocol, upgrade, readTimeoutMs } = request;
    if (protocol === 'http1' && upgrade === undefined) {
      let pool = this.#pools.http1.get(connectTimeoutMs);
      if (!pool) {
        pool = new Http1Pool({ ip: this.#ip, port: this.#port, connectTimeoutMs });
        this.#pools.http1.set(connectTimeoutMs, pool);
      }
      pool.dispatch(request, handler);
      return;
    }
    const { path, method, headers, body } = request;
    this.#library(connectTimeoutMs, protocol).dispatch(
      {
        ...{ path, headers, body, upgrade: upgrade ?? null },
        ...{ headersTimeout: readTimeoutMs, bodyTimeout: readTimeoutMs },
        method: method as Dispatcher.HttpMethod,
      },
      new LibraryHandler(handler),
    );
  }

  #library(connectTimeoutMs: number, protocol: Protocol): Pool {
    const key = `${protocol} ${connectTimeoutMs}`;
    let pool = this.#pools.library.get(key);
    if (!pool) {
      const connect = { timeout: connectTimeoutMs, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS };
      // A pod that does not speak HTTP/2 from the first byte breaks the connection. (A connector of the pool's own would
      // not know of it.)
      const h2c = (to: URL) => new H2CClient(to, { connect, maxConcurrentStreams: STREAMS, pipelining: STREAMS });
      pool = new Pool(`http://${this.address}`, {
        connections: MAX_ACTIVE,
        ...(protocol === 'h2c' ? { factory: h2c } : { connect, pipelining: 1, allowH2: false }),
      });
      this.#pools.library.set(key, pool);
    }
    return pool;
  }

  avoid(now: number): void {
    this.#avoidUntil = now + AVOID_MS;
  }

  isAvoided(now: number): boolean {
    return this.#avoidUntil > now;
  }

  /** Requests under way. */
  get active(): number {
    return this.#asked.size;
  }

  begin(request: Asked): void {
    this.#asked.add(request);
  }

  end(request: Asked): void {
    this.#asked.delete(request);
  }

  /** Its node is lost: nobody waits for it any longer. */
  lose(now: number): void {
    this.avoid(now);
    for (const request of [...this.#asked]) request.onLost();
    this.drain();
  }

  get isFull(): boolean {
    return this.active >= MAX_ACTIVE;
  }

  /** Idle connections go at once, so that none is used when the pod closes it; requests under way are finished. */
  drain(): void {
    for (const pool of this.#pools.http1.values()) pool.close();
    for (const pool of this.#pools.library.values()) pool.close().catch(() => {});
    for (const pools of Object.values(this.#pools)) pools.clear();
  }
}

/** Usable endpoints of backends, kept as slices and Services change. */
export class Endpoints {
  readonly #services: ServiceSlices;
  readonly #lists = new Map<string, readonly Endpoint[]>();
  /** Keys of lists, by Service. */
  readonly #byService = new Map<string, Map<string, Backend>>();
  readonly #endpoints = new Map<string, Endpoint>();
  /** In no list any more, but with requests under way. */
  readonly #leaving = new Set<Endpoint>();
  readonly #nodes: Informer<Node>;
  readonly #clock: Clock;

  constructor(informers: InformerFactory, clock: Clock) {
    this.#services = new ServiceSlices(informers, (key) => this.#renew(key));
    this.#clock = clock;
    this.#nodes = informers.informer(Nodes);
    this.#nodes.addHandlers({
      onUpdate: (old, n) => {
        if (isLost(n) && !isLost(old)) this.#lose(n.metadata.name);
      },
    });
  }

  /** Endpoints of a backend that was given to `keep`; none for others. */
  of(backend: Backend): readonly Endpoint[] {
    return this.#lists.get(keyOf(backend)) ?? [];
  }

  /** Keeps lists for these backends and no others. */
  keep(backends: readonly Backend[]): void {
    const wanted = new Map(backends.map((b) => [keyOf(b), b]));
    const gone = new Map([...this.#byService.values()].flatMap((m) => [...m]));
    this.#byService.clear();
    for (const [key, backend] of wanted) {
      gone.delete(key);
      const service = `${backend.namespace}/${backend.service}`;
      const keys = this.#byService.get(service) ?? new Map<string, Backend>();
      this.#byService.set(service, keys.set(key, backend));
      if (!this.#lists.has(key)) this.#replace(key, this.#read(backend));
    }
    for (const key of gone.keys()) this.#replace(key, []);
  }

  /** Idle connections are closed. */
  close(): void {
    for (const e of this.#endpoints.values()) e.drain();
  }

  #renew(service: string): void {
    for (const [key, backend] of this.#byService.get(service) ?? []) this.#replace(key, this.#read(backend));
  }

  /**
   * A node that was silent for the control plane's grace period: its pods answer nothing, and their connections do not
   * even break. Slices tell of it too, but in the same way as of a pod that only failed a probe.
   */
  #lose(node: string): void {
    for (const e of [...this.#endpoints.values(), ...this.#leaving]) if (e.node === node) e.lose(this.#clock.now());
  }

  #read({ namespace, service, port }: Backend): PortEndpoint[] {
    const key = `${namespace}/${service}`;
    const found = this.#services.service(key);
    const name = found && servicePortName(found, port);
    if (name === undefined) return [];
    const slices = this.#services.slicesOf(key);
    return usableOf(found?.spec?.ipFamilies ?? [], (family) => endpointsOfPort(slices, name, family));
  }

  #replace(key: string, found: readonly PortEndpoint[]): void {
    const before = this.#lists.get(key) ?? [];
    const now = found.map(({ ip, port, nodeName }) => {
      const id = addressOf(ip, port);
      const known = this.#endpoints.get(id);
      const endpoint = known && known.node === nodeName ? known : new Endpoint(ip, port, nodeName);
      this.#endpoints.set(id, endpoint);
      endpoint.uses++;
      return endpoint;
    });
    if (now.length > 0) this.#lists.set(key, now);
    else this.#lists.delete(key);
    for (const e of before) e.uses--;
    for (const e of before) if (e.uses === 0) this.#leave(e);
    for (const e of this.#leaving) if (e.active === 0) this.#leaving.delete(e);
  }

  #leave(e: Endpoint): void {
    // The address may be somebody else's by now.
    if (this.#endpoints.get(e.address) === e) this.#endpoints.delete(e.address);
    this.#leaving.add(e);
    const node = e.node === undefined ? undefined : this.#nodes.lister.get(e.node);
    if (node && isLost(node)) e.lose(this.#clock.now());
    else e.drain();
  }
}

/**
 * Pods with two addresses are asked by that of the Service's first family; by the other one where nobody has the first.
 * @param all endpoints of a family
 */
export function usableOf(order: readonly string[], all: (family: IpFamily) => PortEndpoint[]): PortEndpoint[] {
  const primary = order[0] === 'IPv6' ? [...FAMILIES].reverse() : FAMILIES;
  for (const family of primary) {
    const usable = usableEndpoints(all(family));
    if (usable.length > 0) return usable;
  }
  return [];
}

const isLost = (n: Node): boolean => readinessOf(n) === 'Unknown';

const keyOf = (b: Backend): string => `${b.namespace}/${b.service}:${b.port}`;

export interface Choice {
  /** Endpoints that failed this request already. */
  readonly tried: readonly Endpoint[];
  readonly now: number;
  /** `id` of the endpoint the client was sent to before. */
  readonly wanted?: string | undefined;
}

/**
 * Which endpoint gets the next try: of two at random the one with less to do. Those that were tried, that are full or that
 * could not be reached lately come only when there is no other.
 */
export function choose(all: readonly Endpoint[], o: Choice): Endpoint | undefined {
  const usable = (e: Endpoint | undefined): e is Endpoint => e !== undefined && !e.isFull && !o.tried.includes(e);
  if (o.wanted !== undefined) {
    const known = all.find((e) => e.id === o.wanted);
    if (usable(known)) return known;
  }
  const quick = lessBusy(all);
  if (usable(quick) && !quick.isAvoided(o.now)) return quick;
  const open = all.filter(usable);
  const good = open.filter((e) => !e.isAvoided(o.now));
  return lessBusy(good.length > 0 ? good : open);
}

function lessBusy(of: readonly Endpoint[]): Endpoint | undefined {
  const a = of[Math.floor(Math.random() * of.length)];
  const b = of[Math.floor(Math.random() * of.length)];
  return a && b && b.active < a.active ? b : a;
}
