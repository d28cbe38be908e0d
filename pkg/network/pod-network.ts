import { networkInterfaces } from 'node:os';
import { type Node, Nodes } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { FAMILIES, ofFamily } from '#api/meta/families.ts';
import { familyOf, type IpFamily } from '#api/meta/ip.ts';
import type { Clock } from '#async/clock.ts';
import { createCoalescingRunner } from '#async/coalesce.ts';
import type { Informer, InformerFactory } from '#client/types.ts';
import type { Exec } from '#process/exec.ts';
import { succeed } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { POD_BRIDGE } from './bridge.ts';
import { allowForwarding } from './forwarding.ts';
import { Hairpin } from './hairpin.ts';
import { PodLinks } from './pod-links.ts';
import { type PodRoute, parseRoutes, planRoutes, podCidrOf, ROUTE_PROTOCOL, wantedRoutes } from './routes.ts';
import { FamilyRules } from './rules.ts';
import { Vxlan } from './vxlan.ts';

/** How pods of other nodes are reached: by routes through the nodes, which must share a link, or through a VXLAN. */
export const NETWORK_BACKENDS = ['host-gw', 'vxlan'] as const;
export type NetworkBackend = (typeof NETWORK_BACKENDS)[number];

export interface PodNetworkDeps {
  readonly informers: InformerFactory;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeName: string;
  /** This node's IPv4 address among its peers. */
  readonly nodeIp: string;
  readonly backend: NetworkBackend;
  /** Networks of all pods, one of each family there is. */
  readonly clusterCidrs: readonly string[];
  /** Makes the bridge network with these subnets, one of each family, and for pods this MTU, if it is not there. */
  readonly ensureBridge: (cidrs: readonly string[], mtu: number | undefined) => Promise<void>;
}

const MIN_INTERVAL_MS = 50;
const RETRY_MS = 1000;
/** Routes and rules are compared with the kernel's this often, in case somebody removed them, milliseconds. */
const REPAIR_MS = 5000;

/**
 * The pod network: each node's pods in one subnet on one bridge, and a route per peer, by the node's address (host-gw) or
 * through a tunnel (vxlan). Pods keep their addresses between nodes; only traffic that leaves the cluster is masqueraded.
 * What another backend left is removed once the routes of this one are in place.
 */
export class PodNetwork {
  readonly #d: PodNetworkDeps;
  readonly #rules: Readonly<Record<IpFamily, FamilyRules>>;
  readonly #vxlan: Vxlan;
  readonly #nodes: Informer<Node>;
  #trigger: () => void = () => {};
  /** This node's, by family. */
  #cidrs: ReadonlyMap<IpFamily, string> = new Map();
  #cleaned = false;
  readonly #ready: Promise<void>;
  #resolveReady: () => void = () => {};
  readonly #hairpin: Hairpin;
  readonly links: PodLinks;

  constructor(deps: PodNetworkDeps) {
    this.#d = deps;
    const rules = (family: IpFamily) => new FamilyRules(deps.exec, family, ofFamily(family, deps.clusterCidrs));
    this.#rules = { IPv4: rules('IPv4'), IPv6: rules('IPv6') };
    this.#vxlan = new Vxlan(deps.exec);
    this.#hairpin = new Hairpin(deps.exec, POD_BRIDGE);
    this.links = new PodLinks(deps.exec);
    this.#nodes = deps.informers.informer(Nodes);
    this.#ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
    const trigger = (): void => this.#trigger();
    this.#nodes.addHandlers({
      onAdd: trigger,
      onUpdate: (old, n) => {
        if (
          FAMILIES.some((f) => podCidrOf(old, f) !== podCidrOf(n, f)) ||
          !sameJson(old.status?.addresses, n.status?.addresses)
        )
          trigger();
      },
      onDelete: trigger,
    });
  }

  /** Resolves when pods of this node can be attached. */
  ready(): Promise<void> {
    return this.#ready;
  }

  get isReady(): boolean {
    return this.#cidrs.size > 0;
  }

  /** Keeps bridge, routes and rules as they should be until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#d;
    await this.#nodes.synced(signal);
    const runner = createCoalescingRunner({
      run: () => this.#sync(),
      minIntervalMs: MIN_INTERVAL_MS,
      retryMs: RETRY_MS,
      clock,
      signal,
      onError: (err) => logger.warn({ err }, 'the pod network could not be set up, will retry'),
    });
    this.#trigger = () => runner.trigger();
    while (!signal.aborted) {
      runner.trigger();
      await clock.sleep(REPAIR_MS, signal).catch(() => {});
    }
  }

  async #sync(): Promise<void> {
    const { nodeName, logger } = this.#d;
    const self = this.#nodes.lister.get(nodeName);
    const cidrs = new Map<IpFamily, string>();
    for (const f of FAMILIES) {
      const cidr = podCidrOf(self, f);
      if (cidr) cidrs.set(f, cidr);
    }
    if (cidrs.size === 0) return;
    if (!sameJson([...cidrs], [...this.#cidrs])) {
      await this.#setUp(cidrs);
      this.#cidrs = cidrs;
      this.#resolveReady();
      logger.info({ cidrs: [...cidrs.values()] }, 'the pod network is ready');
    } else if (await this.#bridgeGone()) {
      logger.info({ bridge: POD_BRIDGE }, 'the bridge of the pods was removed by somebody and is put back');
      await this.#setUp(cidrs);
      await this.links.rejoin();
    }
    for (const [family, cidr] of cidrs) {
      if (await this.#rules[family].hold()) continue;
      logger.info({ family }, 'rules of the pod network were removed by somebody and are put back');
      await this.#rules[family].write(cidr);
    }
    try {
      await this.#route(cidrs);
    } finally {
      await this.#hairpin.repair();
    }
  }

  async #route(cidrs: ReadonlyMap<IpFamily, string>): Promise<void> {
    const { nodeName, nodeIp: ip, backend } = this.#d;
    // A tunnel's ends are IPv4 addresses, whatever goes through it.
    const nodes = [...this.#nodes.lister.list()];
    const peers = (f: IpFamily) => wantedRoutes(nodes, nodeName, f, backend === 'vxlan' ? 'IPv4' : f);
    let wanted = [...cidrs.keys()].flatMap(peers);
    const cidr = cidrs.get('IPv4');
    if (backend === 'vxlan' && cidr) wanted = await this.#vxlan.ensure({ cidr, ip }, wanted);
    const problems: unknown[] = [];
    for (const f of cidrs.keys()) {
      const mine = wanted.filter((w) => familyOf(w.cidr) === f);
      problems.push(...(await this.#setRoutes(f, mine)));
    }
    if (problems.length > 0) throw problems[0];
    if (backend !== 'vxlan' && !this.#cleaned) await this.#vxlan.remove();
    this.#cleaned = true;
  }

  /** A node that cannot be reached must not cost the others their routes. @returns what went wrong */
  async #setRoutes(family: IpFamily, wanted: readonly PodRoute[]): Promise<unknown[]> {
    const { exec } = this.#d;
    const version = family === 'IPv4' ? '-4' : '-6';
    const shown = await succeed(exec, 'ip', [version, 'route', 'show', 'proto', ROUTE_PROTOCOL]);
    const problems: unknown[] = [];
    for (const args of planRoutes(wanted, parseRoutes(shown)))
      await succeed(exec, 'ip', [version, ...args]).catch((err: unknown) => problems.push(err));
    return problems;
  }

  /** Docker has it for unused ("docker network prune"). One with pods shows among the interfaces that work. */
  async #bridgeGone(): Promise<boolean> {
    if (!this.links.any || POD_BRIDGE in networkInterfaces()) return false;
    return (await this.#d.exec('ip', ['link', 'show', 'dev', POD_BRIDGE])).code !== 0;
  }

  async #setUp(cidrs: ReadonlyMap<IpFamily, string>): Promise<void> {
    const { exec, logger, backend, nodeIp, ensureBridge } = this.#d;
    const mtu = backend === 'vxlan' ? await this.#vxlan.mtu(nodeIp) : undefined;
    await ensureBridge([...cidrs.values()], mtu);
    this.links.use([...cidrs.values()], mtu);
    for (const [family, cidr] of cidrs) {
      for (const problem of await allowForwarding(exec, family))
        logger.warn({ problem }, 'pods may not reach each other');
      await this.#rules[family].write(cidr);
    }
  }

  /**
   * Of the addresses a sandbox has got those of the cluster's families. Docker gives IPv4 addresses unasked: they are taken
   * away again, or pods of one node would reach each other past all policies. Pods of an agent before this one are asked
   * for too, before this node's subnets are known.
   * @param pid a process of the sandbox
   */
  async keepOwn(addresses: readonly string[], pid: () => Promise<number>): Promise<readonly string[]> {
    const { exec, clusterCidrs } = this.#d;
    if (ofFamily('IPv4', clusterCidrs)) return addresses;
    const own = addresses.filter((a) => familyOf(a) !== 'IPv4');
    if (own.length === addresses.length) return own;
    const inside = ['-t', String(await pid()), '-n', 'ip'];
    await succeed(exec, 'nsenter', [...inside, '-4', 'address', 'flush', 'dev', 'eth0']);
    return own;
  }

  /** Lets a pod that was attached just now reach itself through its service's address. */
  allowHairpin(): Promise<void> {
    return this.#hairpin.allow();
  }
}
