import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '#async/clock.ts';
import { type Exec, systemExec } from '#process/exec.ts';
import { silentLogger } from '#process/logger.ts';
import { NftSession } from '#process/nft-session.ts';
import { nftOnce } from '#process/nftables.ts';
import { IptablesBackend } from '#proxy/backends/iptables/backend.ts';
import { NftablesBackend } from '#proxy/backends/nftables/backend.ts';
import type { ProxyBackend, ServicePort } from '#proxy/table/types.ts';
import { run } from '../../../deploy/run.ts';
import type { Cluster } from '../../bed/cluster.ts';
import { probe } from '../../bed/net.ts';
import { waitFor } from '../../bed/wait.ts';
import { HELLO } from '../../e2e/manifests.ts';
import { cpuSeconds, descendants, nameOf } from '../machine/processes.ts';
import { type RowId, row } from '../rows.ts';
import { median, type Sink } from './group.ts';

const SERVICES = 10_000;
const CHANGES = 20;
const CONNECTIONS = 64;
const WINDOW_MS = 5000;
/** Of the Ingress, in turns with what it is compared with. */
const ROUNDS = 3;
const OPTIONS = { family: 'IPv4', clusterCidr: '10.244.0.0/16' } as const;

const service = (n: number, port = 8080): ServicePort => {
  const ends = [1, 2].map((e) => ({ ip: `10.244.${n >> 8}.${((n & 127) << 1) | (e - 1)}`, port, local: false }));
  return {
    ...{
      id: `ns/s${String(n).padStart(5, '0')}:http`,
      protocol: 'tcp',
      clusterIP: `10.96.${n >> 8}.${n & 255}`,
      port: 80,
    },
    ...{
      nodePort: 0,
      externalIPs: [],
      loadBalancerIPs: [],
      sourceRanges: [],
      openToNode: false,
      affinitySeconds: 0,
      externalLocal: false,
    },
    ...{ cluster: ends, internal: ends, external: ends },
  };
};

/** A command in a network namespace. */
type Within = (...command: readonly string[]) => [string, ...string[]];
type Rules = Readonly<Record<'load' | 'change', RowId>> & { readonly afterwards?: typeof connects };

/** Every new connection is one, so many of each kind. */
const CONNECTS = 1500;
const CONNECTS_SCRIPT = join(import.meta.dirname, '../machine/connects.ts');

/** The times of new connections to a pod: directly, and by Services of the first and the last address. */
async function connects(within: Within, sink: Sink): Promise<void> {
  const end = '10.244.30.16:8080';
  const script = `ip link set lo up; ip addr add 10.244.0.0/16 dev lo; ip route add 10.96.0.0/12 dev lo; exec "$@"`;
  const args = [CONNECTS_SCRIPT, '8080', `${CONNECTS}`, end, '10.96.0.1:80', '10.96.39.15:80'];
  const [program, ...rest] = within('sh', '-c', script, '-', process.execPath, ...args);
  const [direct = 0, ...through] = JSON.parse(await run(program, rest)) as number[];
  const note = `directly ${direct.toFixed(0)} µs, by a Service ${through.map((t) => t.toFixed(0)).join(' and ')}`;
  sink(row('proxy-connect', Math.max(...through) / direct, { note }));
}

/** The rules of many Services in a network namespace of their own: all at once, then changes of one. */
async function rules(make: (command: Within, exec: Exec) => ProxyBackend, rows: Rules, sink: Sink): Promise<void> {
  const namespace = `cox-bench-${process.pid}`;
  await run('ip', ['netns', 'add', namespace]);
  const within: Within = (...command) => ['nsenter', `--net=/run/netns/${namespace}`, ...command];
  const exec: Exec = (program, args, o) => {
    const [enter, ...rest] = within(program, ...args);
    return systemExec(enter, rest, o);
  };
  try {
    const backend = make(within, exec);
    const ports = Array.from({ length: SERVICES }, (_, n) => service(n));
    const took = async (): Promise<number> => {
      const started = performance.now();
      await backend.apply({ ports, announced: [] });
      return performance.now() - started;
    };
    sink(row(rows.load, (await took()) / 1000));
    const changes: number[] = [];
    for (let i = 0; i < CHANGES; i++) {
      ports[i * 7] = service(i * 7, 9090);
      changes.push(await took());
    }
    sink(row(rows.change, median(changes)));
    await rows.afterwards?.(within, sink);
  } finally {
    await run('ip', ['netns', 'del', namespace]);
  }
}

/** An A query for a name of the cluster, as a resolver sends it. */
function query(id: number, name: string): Buffer {
  const header = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

/** Questions without pause, 64 under way; a lost one is asked again by the next round. */
async function names(cluster: Cluster, sink: Sink): Promise<void> {
  const node = cluster.nodes[0];
  const pid = node?.dns.pid;
  if (!node || pid === undefined) throw new Error('there is no name server');
  const socket = createSocket('udp4');
  let answered = 0;
  let asked = 0;
  const ask = (): void => {
    asked = (asked + 1) & 0xffff;
    socket.send(query(asked, 'kubernetes.default.svc.cluster.local'), 10_053, node.address);
  };
  socket.on('message', (answer) => {
    if ((answer[7] ?? 0) > 0) answered++;
    ask();
  });
  for (let i = 0; i < CONNECTIONS; i++) ask();
  await systemClock.sleep(1000);
  const [before, cpu, started] = [answered, cpuSeconds(pid), performance.now()];
  await systemClock.sleep(WINDOW_MS);
  const seconds = (performance.now() - started) / 1000;
  const rate = (answered - before) / seconds;
  const share = (cpuSeconds(pid) - cpu) / seconds;
  socket.close();
  sink(row('dns-rate', rate / share, { note: `${Math.round(rate)}/s at ${(share * 100).toFixed(0)} % of a core` }));
}

interface Answered {
  /** Answers in a second. */
  readonly rate: number;
  /** Processor time for each, microseconds: of the client, which is this process, and of those that were named. */
  readonly client: number;
  readonly named: readonly number[];
}

/** GETs on keep-alive connections, one under way on each. @param named processes, in groups */
async function gets(host: string, port: number, named: readonly (readonly number[])[]): Promise<Answered> {
  const request = `GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n`;
  let answered = 0;
  const sockets: Socket[] = Array.from({ length: CONNECTIONS }, () => {
    const socket = connect({ host, port, noDelay: true });
    socket.on('connect', () => socket.write(request));
    socket.on('data', (d) => {
      if (!d.includes('hello from')) return;
      answered++;
      socket.write(request);
    });
    socket.on('error', () => socket.destroy());
    return socket;
  });
  await systemClock.sleep(1000);
  const before = answered;
  const used = (): number[] => [[process.pid], ...named].map((pids) => pids.reduce((s, p) => s + cpuSeconds(p), 0));
  const [started, cpu] = [performance.now(), used()];
  await systemClock.sleep(WINDOW_MS);
  const [count, seconds] = [answered - before, (performance.now() - started) / 1000];
  const [client = 0, ...others] = used().map((now, i) => ((now - (cpu[i] ?? 0)) * 1e6) / count);
  for (const socket of sockets) socket.destroy();
  return { rate: count / seconds, client, named: others };
}

/** What each of several rounds measured, as one. */
const medianOf = (rounds: readonly Answered[]): Answered => ({
  rate: median(rounds.map((r) => r.rate)),
  client: median(rounds.map((r) => r.client)),
  named: (rounds[0]?.named ?? []).map((_, i) => median(rounds.map((r) => r.named[i] ?? 0))),
});

async function ingress(cluster: Cluster, sink: Sink): Promise<void> {
  const node = cluster.nodes[0];
  if (!node) throw new Error('there is no node');
  await node.ingress.start();
  const backend = { service: { name: 'hello', port: { name: 'http' } } };
  const object = {
    ...{ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'bench' } },
    spec: { ingressClassName: 'coxswain', defaultBackend: backend },
  };
  await cluster.kubectlOk(['apply', '-f', '-'], { input: HELLO });
  await cluster.kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(object) });
  await cluster.kubectlOk(['rollout', 'status', 'deployment/hello', '--timeout=60s']);
  await waitFor('the Ingress to answer', () => probe(`http://${node.address}/`));
  const pods = descendants(node.init() ?? 0).filter((pid) => nameOf(pid) === 'hello');
  const [direct, through]: [Answered[], Answered[]] = [[], []];
  // In turns, since others may want the machine for a while. The first round compiles, and does not count.
  for (let i = 0; i <= ROUNDS; i++) {
    direct.push(await gets(node.address, 30_080, [pods]));
    through.push(await gets(node.address, 80, [pods, [node.ingress.pid ?? 0]]));
  }
  const [plain, proxied] = [medianOf(direct.slice(1)), medianOf(through.slice(1))];
  const [alone = 0, asked = 0, front = 0] = [...plain.named, ...proxied.named];
  const clients = `client ${proxied.client.toFixed(0)} µs, directly ${plain.client.toFixed(0)}`;
  const times = (plain.rate / proxied.rate).toFixed(1);
  const note = `directly ${Math.round(plain.rate)}/s: ${times} times as many`;
  sink(row('ingress-rate', proxied.rate, { bound: plain.rate, note }));
  const pod = `pod, a program in C, ${asked.toFixed(0)} µs, directly ${alone.toFixed(0)}`;
  sink(row('ingress-cost', front, { note: `${pod}; ${clients}` }));
  await cluster.kubectlOk(['delete', 'ingress', 'bench']);
  await cluster.kubectlOk(['delete', '-f', '-'], { input: HELLO });
  await node.ingress.stop();
}

/** Services, names and HTTP from outside. */
export async function network(cluster: Cluster, _client: unknown, sink: Sink): Promise<void> {
  const nftables = (within: Within, exec: Exec): ProxyBackend =>
    new NftablesBackend({
      ...OPTIONS,
      ...{ exec, logger: silentLogger },
      changes: new NftSession({ once: nftOnce(exec), command: within('nft', '-i') }),
    });
  await rules(nftables, { load: 'proxy-load', change: 'proxy-change', afterwards: connects }, sink);
  await names(cluster, sink);
  await ingress(cluster, sink);
  const iptables: Rules = { load: 'proxy-load-iptables', change: 'proxy-change-iptables' };
  await rules((_, exec) => new IptablesBackend({ exec, logger: silentLogger, ...OPTIONS }), iptables, sink);
}
