import { type Node, Nodes } from '#api/kinds/index.ts';
import type { Clock } from '#async/clock.ts';
import { createCoalescingRunner } from '#async/coalesce.ts';
import type { Informer, InformerFactory } from '#client/types.ts';
import type { Exec } from '#process/exec.ts';
import type { Logger } from '#process/logger.ts';
import { ensureRule, replaceChain } from './chains.ts';
import { parseRoutes, ROUTE_PROTOCOL, wantedRoutes } from './routes.ts';

export interface HostGwDeps {
  readonly informers: InformerFactory;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeName: string;
  readonly clusterCidr: string;
  /** Makes the bridge network with this subnet if it is not there. */
  readonly ensureBridge: (cidr: string) => Promise<void>;
}

export const BRIDGE = 'cox0';
const FORWARD_CHAIN = 'COXNET-FORWARD';
const MASQ_CHAIN = 'COXNET-MASQ';
const MIN_INTERVAL_MS = 50;
const RETRY_MS = 1000;
/** Routes and rules are compared with the kernel's this often, in case somebody removed them, milliseconds. */
const REPAIR_MS = 5000;

/**
 * The pod network by plain routes (backend host-gw): each node's pods in one subnet on one bridge, and a route per peer
 * through its address. Pods keep their addresses between nodes; only traffic that leaves the cluster is masqueraded.
 */
export class HostGateway {
  readonly #d: HostGwDeps;
  readonly #nodes: Informer<Node>;
  #trigger: () => void = () => {};
  #cidr = '';
  readonly #ready: Promise<void>;
  #resolveReady: () => void = () => {};

  constructor(deps: HostGwDeps) {
    this.#d = deps;
    this.#nodes = deps.informers.informer(Nodes);
    this.#ready = new Promise((resolve) => {
      this.#resolveReady = resolve;
    });
    const trigger = (): void => this.#trigger();
    this.#nodes.addHandlers({
      onAdd: trigger,
      onUpdate: (old, n) => {
        if (
          old.spec?.podCIDR !== n.spec?.podCIDR ||
          JSON.stringify(old.status?.addresses) !== JSON.stringify(n.status?.addresses)
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
    return this.#cidr !== '';
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
    const { nodeName, exec, logger } = this.#d;
    const cidr = this.#nodes.lister.get(nodeName)?.spec?.podCIDR;
    if (!cidr) return;
    if (cidr !== this.#cidr) {
      await this.#setUp(cidr);
      this.#cidr = cidr;
      this.#resolveReady();
      logger.info({ cidr }, 'the pod network is ready');
    }
    const shown = await exec('ip', ['route', 'show', 'proto', ROUTE_PROTOCOL]);
    const present = parseRoutes(shown.stdout);
    const wanted = wantedRoutes(this.#nodes.lister.list(), nodeName);
    for (const r of wanted) {
      if (present.some((p) => p.cidr === r.cidr && p.via === r.via)) continue;
      await this.#ip(['route', 'replace', r.cidr, 'via', r.via, 'proto', ROUTE_PROTOCOL]);
    }
    for (const p of present) {
      if (!wanted.some((r) => r.cidr === p.cidr)) await this.#ip(['route', 'del', p.cidr, 'proto', ROUTE_PROTOCOL]);
    }
  }

  async #ip(args: readonly string[]): Promise<void> {
    const r = await this.#d.exec('ip', args);
    if (r.code !== 0) throw new Error(`ip ${args.join(' ')}: ${r.stderr.trim()}`);
  }

  async #setUp(cidr: string): Promise<void> {
    const { exec, clusterCidr, logger } = this.#d;
    await this.#d.ensureBridge(cidr);
    for (const setting of ['net.ipv4.ip_forward=1', 'net.bridge.bridge-nf-call-iptables=1']) {
      const r = await exec('sysctl', ['-qw', setting]);
      if (r.code !== 0) logger.warn({ setting, stderr: r.stderr.trim() }, 'could not set sysctl');
    }
    // Towards pods everything may pass; from pods only answers, so that refusals of the proxy are still reached.
    await replaceChain(exec, 'filter', FORWARD_CHAIN, [
      `-d ${clusterCidr} -j ACCEPT`,
      `-s ${clusterCidr} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    ]);
    await ensureRule(exec, 'filter', 'FORWARD', ['-j', FORWARD_CHAIN]);
    await replaceChain(exec, 'nat', MASQ_CHAIN, [
      `-d ${clusterCidr} -j RETURN`,
      '-d 224.0.0.0/4 -j RETURN',
      `-s ${cidr} -j MASQUERADE --random-fully`,
    ]);
    await ensureRule(exec, 'nat', 'POSTROUTING', ['-j', MASQ_CHAIN]);
  }

  /** Lets a pod reach itself through its service's address: its bridge port must send packets back where they came from. */
  async allowHairpin(): Promise<void> {
    const r = await this.#d.exec('bridge', ['link', 'show']);
    for (const m of r.stdout.matchAll(/^\d+: ([^@:]+).* master cox0 /gm)) {
      await this.#d.exec('bridge', ['link', 'set', 'dev', m[1] ?? '', 'hairpin', 'on']);
    }
  }
}
