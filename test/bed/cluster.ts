import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensurePki, planPki } from '#pki/pki.ts';
import { type ExecResult, systemExec } from '#process/exec.ts';
import { build } from '../../deploy/build.ts';
import { type Bed, createBed } from './bed.ts';
import { type ClusterNode, clusterNode } from './cluster-node.ts';
import { type ControlPlane, coxswain, type ExtraFlags, etcdMembers, loadBalancer } from './control-plane.ts';
import type { GuestOptions } from './guest/node.ts';
import { KUBECTL_ENV } from './kubectls.ts';
import { type EtcdAccess, etcdAccess, type Families, type Layout, layOut, rangesOf, repository } from './layout.ts';
import type { BedNode } from './node.ts';
import type { ManagedProcess } from './process.ts';
import { scratchFolder } from './scratch.ts';
import { waitFor } from './wait.ts';

export interface ClusterOptions {
  /** Machines of the test bed with an agent and a proxy each; default 0. */
  readonly nodes?: number;
  /** Default 2. With 1, `processes.apiserver2` does not exist. */
  readonly apiservers?: 1 | 2;
  /** Of etcd; default 1 in a `fast` cluster, else 3. With 1, `processes.etcd2` and `etcd3` do not exist. */
  readonly members?: 1 | 3;
  /** Machines of the test bed on which nothing runs: a test may make nodes of them; default 0. */
  readonly spares?: number;
  /** The last of `nodes` is a virtual machine with another kernel than this one's, and flags of its own. */
  readonly guest?: Omit<GuestOptions, 'shared'> & { readonly flags: ExtraFlags };
  /** Of pods, Services and nodes; default IPv4 only. */
  readonly families?: Families;
  /** Short lease and election times, data in memory where there is room: for tests, not for measuring; default true. */
  readonly fast?: boolean;
  /** Default a new folder, removed by `stop`. A folder given is kept, so a cluster can be started again from it. */
  readonly dir?: string;
  /** Some depend on the network of the nodes: its first three numbers, such as "198.18.1". */
  readonly flags?: ExtraFlags | ((lan: string) => ExtraFlags);
  /** An Ingress on every node, at its ports 80 and 443; default false. */
  readonly ingress?: boolean;
  /** Who makes API servers, scheduler and controller manager; default Coxswain. */
  readonly controlPlane?: ControlPlane;
  /** Parts not to start: a test may stand in for them. */
  readonly without?: readonly ('scheduler' | 'controller-manager' | 'node-agent' | 'proxy' | 'dns')[];
}

export type ProcessName =
  | `etcd${1 | 2 | 3}`
  | `apiserver${1 | 2}`
  | 'loadbalancer'
  | 'scheduler'
  | 'controller-manager';

export interface KubectlOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  /** Path of another kubectl than the one on PATH. */
  readonly program?: string;
}

/** A whole cluster of plain processes on this machine. */
export interface Cluster {
  readonly dir: string;
  /** URL of the balancer before the API servers. */
  readonly server: string;
  /** URL of each API server. */
  readonly apiservers: readonly string[];
  /** admin.conf */
  readonly kubeconfig: string;
  readonly processes: Readonly<Record<ProcessName, ManagedProcess>>;
  readonly nodes: readonly ClusterNode[];
  readonly spares: readonly BedNode[];
  /** How to speak to etcd as the API servers do. */
  readonly etcd: EtcdAccess;
  /** Real kubectl as administrator; a failure is a result. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<ExecResult>;
  /** The same, but a failure is an error. @returns what it printed. */
  kubectlOk(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /**
   * What `kubectl get` with these words prints, read without starting a process (see look.ts): for what is looked at again and
   * again. @throws Error when something asked for is not there
   */
  get(...words: string[]): Promise<string>;
  /** Last lines of one process' log or, without a name, of all. */
  logs(name?: string): string;
  /** Copies all logs to .test-artifacts/<label>. @returns that folder. */
  saveArtefacts(label: string): string;
  /** Ends every process, removes the nodes and the folder. */
  stop(): Promise<void>;
}

/** Starts a cluster and waits until its API answers and its nodes are Ready. Nothing is left when it fails. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  await build();
  const { families = 'IPv4', fast = true } = options;
  const dir = options.dir ?? newFolder(fast);
  mkdirSync(join(dir, 'logs'), { recursive: true, mode: 0o700 });
  const machines = (options.nodes ?? 0) + (options.spares ?? 0);
  const guest = options.guest && { ...options.guest, shared: dir };
  const bed = machines > 0 ? await createBed({ nodes: machines, dualStack: families !== 'IPv4', guest }) : undefined;
  const parts = new Parts(options.dir === undefined ? dir : undefined, bed);
  try {
    const layout = await layOut({
      dir,
      apiservers: options.apiservers ?? 2,
      members: options.members ?? (fast ? 1 : 3),
      gateway: bed?.lan.gateway,
      gateway6: bed?.lan.gateway6,
      fast,
      ranges: rangesOf(families),
    });
    const members = bed?.nodes.slice(0, options.nodes) ?? [];
    await certificates(layout, members);
    const flags = flagsOf(options, bed);
    const nodes = members.map((machine, i) => {
      const isGuest = options.guest !== undefined && i === members.length - 1;
      return clusterNode(layout, machine, isGuest ? { ...flags, ...options.guest.flags } : flags);
    });
    await startAll(layout, nodes, { options, flags, parts });
    const cluster = { ...describe(layout, nodes, parts), spares: bed?.nodes.slice(members.length) ?? [] };
    const uncontrolled = options.without?.includes('controller-manager') ?? false;
    if (!options.without?.includes('node-agent')) await nodesReady(cluster, uncontrolled);
    if (members.length > 0 && !uncontrolled) await podsAllowed(cluster);
    return cluster;
  } catch (e) {
    const saved = parts.save(dir, `start-${new Date().toISOString().replaceAll(':', '')}`);
    await parts.stop();
    throw new Error(`${(e as Error).message}\n(all logs: ${saved})`, { cause: e });
  }
}

const newFolder = (fast: boolean): string =>
  fast ? scratchFolder('coxswain-') : mkdtempSync(join(tmpdir(), 'coxswain-'));

function flagsOf({ flags = {} }: ClusterOptions, bed: Bed | undefined): ExtraFlags {
  return typeof flags === 'function' ? flags((bed?.lan.gateway ?? '').replace(/\.\d+$/, '')) : flags;
}

async function certificates(layout: Layout, members: readonly BedNode[]): Promise<void> {
  const plan = planPki({
    server: `https://127.0.0.1:${layout.port}`,
    nodeServer: `https://${layout.gateway ?? '127.0.0.1'}:${layout.port}`,
    apiserverHosts: [layout.gateway, layout.gateway6].filter((host) => host !== undefined),
    serviceAddress: layout.ranges.kubernetes,
    nodes: Object.fromEntries(members.map((n) => [n.name, [n.address, ...(n.address6 ? [n.address6] : [])]])),
  });
  await ensurePki(layout.dir, plan, Date.now());
}

async function startAll(
  layout: Layout,
  nodes: readonly ClusterNode[],
  { options, flags, parts }: { options: ClusterOptions; flags: ExtraFlags; parts: Parts },
): Promise<void> {
  const wanted = (process: ManagedProcess): boolean =>
    !options.without?.some((part) => process.name === part || process.name.startsWith(`${part}-node`));
  await parts.start(etcdMembers(layout, flags));
  const { controlPlane = coxswain } = options;
  await parts.start(controlPlane.apiServers(layout, flags));
  await parts.start([loadBalancer(layout)]);
  const rest = [
    controlPlane.scheduler(layout, flags),
    controlPlane.controllerManager(layout, flags),
    ...nodes.flatMap((n) => [n.agent, n.proxy, n.dns, ...(options.ingress ? [n.ingress] : [])]),
  ];
  await parts.start(rest.filter(wanted));
}

/** What has been started, in order, to be ended in reverse. */
class Parts {
  readonly processes: ManagedProcess[] = [];
  private readonly folder: string | undefined;
  private readonly bed: Bed | undefined;

  /** @param folder removed at the end. */
  constructor(folder: string | undefined, bed: Bed | undefined) {
    this.folder = folder;
    this.bed = bed;
  }

  async start(processes: readonly ManagedProcess[]): Promise<void> {
    this.processes.push(...processes);
    const results = await Promise.allSettled(processes.map((p) => p.start()));
    const failed = results.find((r) => r.status === 'rejected');
    if (failed) throw failed.reason;
  }

  save(dir: string, label: string): string {
    const target = join(repository, '.test-artifacts', label);
    cpSync(join(dir, 'logs'), target, { recursive: true });
    for (const node of this.bed?.nodes ?? []) {
      cpSync(join(node.dir, 'dockerd.log'), join(target, `dockerd-${node.name}.log`), { errorOnExist: false });
    }
    return target;
  }

  async stop(): Promise<void> {
    const of = (pattern: RegExp): ManagedProcess[] => this.processes.filter((p) => pattern.test(p.name));
    // etcd outlives those who talk to it, so that they end without complaints.
    await Promise.all(of(/^(?!etcd|apiserver)/).map((p) => p.stop()));
    await Promise.all(of(/^apiserver/).map((p) => p.stop()));
    await Promise.all(of(/^etcd/).map((p) => p.kill('SIGKILL')));
    await this.bed?.remove();
    // A kubectl that was left behind may still be writing its cache.
    if (this.folder) rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

function describe(layout: Layout, nodes: readonly ClusterNode[], parts: Parts): Omit<Cluster, 'spares'> {
  const kubeconfig = join(layout.dir, 'admin.conf');
  const cacheDir = join(layout.dir, 'kubectl');
  const kubectl: Cluster['kubectl'] = (args, options) =>
    systemExec(options?.program ?? 'kubectl', ['--kubeconfig', kubeconfig, '--cache-dir', cacheDir, ...args], {
      timeoutMs: 120_000,
      env: KUBECTL_ENV,
      ...options,
    });
  return {
    dir: layout.dir,
    server: `https://127.0.0.1:${layout.port}`,
    apiservers: layout.apiservers.map((port) => `https://127.0.0.1:${port}`),
    kubeconfig,
    processes: Object.fromEntries(parts.processes.map((p) => [p.name, p])) as Record<ProcessName, ManagedProcess>,
    nodes,
    etcd: etcdAccess(layout),
    kubectl,
    async kubectlOk(args, options) {
      const { code, stdout, stderr } = await kubectl(args, options);
      if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit code ${code}: ${stderr || stdout}`);
      return stdout;
    },
    async get(...words) {
      const { look } = await import('./look.ts');
      return look({ kubeconfig, cacheDir }, words);
    },
    logs: (name) =>
      parts.processes
        .filter((p) => name === undefined || p.name === name)
        .map((p) => `== ${p.name}\n${p.logTail(name ? 500 : 20)}`)
        .join('\n'),
    saveArtefacts: (label) => parts.save(layout.dir, label),
    stop: () => parts.stop(),
  };
}

const READY_TEMPLATE =
  '{range .items[*]}{range .status.conditions[?(@.type=="Ready")]}{.status}{end} {.spec.taints[*].key}{"\\n"}{end}';

/** @param tainted whether nobody takes the taint away that a node comes with: no pod is sent to one that has it */
async function nodesReady(cluster: Cluster, tainted: boolean): Promise<void> {
  const wanted = cluster.nodes.length;
  if (wanted === 0) return;
  await waitFor(
    `${wanted} nodes Ready`,
    async () => {
      const out = await cluster.get('nodes', '-o', `jsonpath=${READY_TEMPLATE}`);
      const ready = out.split('\n').filter((line) => line.startsWith('True '));
      return ready.filter((line) => tainted || !line.includes('not-ready')).length === wanted;
    },
    { timeoutMs: 120_000, everyMs: 250 },
  );
}

/** Pods are refused before the account they run as is there. */
async function podsAllowed(cluster: Cluster): Promise<void> {
  const account = ['serviceaccount', 'default', '-n', 'default', '-o', 'name'];
  await waitFor('the default service account', () => cluster.get(...account), { timeoutMs: 120_000, everyMs: 250 });
}
