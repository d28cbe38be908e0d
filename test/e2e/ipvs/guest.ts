/**
 * Runs inside a virtual machine: pods are network namespaces, the rules are those of the proxy's own backends, and
 * the traffic is real.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { systemExec } from '#process/exec.ts';
import { createLogger } from '#process/logger.ts';
import { IptablesBackend } from '#proxy/backends/iptables/backend.ts';
import { IpvsBackend } from '#proxy/backends/ipvs/backend.ts';
import { NftablesBackend } from '#proxy/backends/nftables/backend.ts';
import { FamilyProxy } from '#proxy/family-proxy.ts';
import type { Endpoint, ServicePort } from '#proxy/table/types.ts';
import { run } from '../../../deploy/run.ts';
import { type Checks, runChecks } from '../../bed/guest/inside.ts';
import { waitFor } from '../../bed/wait.ts';
import { attempt, unanswered } from '../network/attempt.ts';
import { ASSOCIATION, ask, askers, associate, podsOf, wgetOf, within } from './asking.ts';

const CIDR = '10.244.0.0/16';
const PODS = [1, 2, 3];
const podIp = (n: number): string => `10.244.1.1${n}`;
const CLIENT = '192.0.2.2';
const NODE = '192.0.2.1';
const CIDR6 = 'fd00:244::/56';
const podIp6 = (n: number): string => `fd00:244:0:1::1${n}`;
/** Of servers that a rolling update ends. */
const FORMER_PORT = 8081;
const SCTP_PORT = 8082;
const CLIENT6 = 'fd00:2::2';
const NODE6 = 'fd00:2::1';

const sh = (script: string): Promise<string> => run('sh', ['-c', script]);

async function build(): Promise<void> {
  mkdirSync('/run/www/cgi-bin', { recursive: true });
  const shell = (await sh('command -v busybox')).trim();
  const cgi = (name: string, text: string): void => writeFileSync(`/run/www/cgi-bin/${name}`, text, { mode: 0o755 });
  cgi('whoami', `#!${shell} sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n$REMOTE_ADDR $POD"\n`);
  cgi('slow', `#!${shell} sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n"; sleep 4; printf "$POD"\n`);
  await sh(`ip link set lo up; sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1
    sysctl -qw net.ipv6.conf.all.forwarding=1 net.bridge.bridge-nf-call-ip6tables=1
    ip link add cox0 type bridge; ip addr add 10.244.1.1/24 dev cox0; ip addr add fd00:244:0:1::1/64 dev cox0 nodad; ip link set cox0 up
    ip netns add client; ip link add out type veth peer name eth0 netns client
    ip addr add ${NODE}/24 dev out; ip addr add ${NODE6}/64 dev out nodad; ip link set out up
    ip -n client addr add ${CLIENT6}/64 dev eth0 nodad
    ip -n client addr add ${CLIENT}/24 dev eth0; ip -n client link set eth0 up; ip -n client route add default via ${NODE}
    ip -n client route add default via ${NODE6}`);
  for (const n of PODS) {
    await sh(`ip netns add pod${n}; ip link add p${n} type veth peer name eth0 netns pod${n}
      ip link set p${n} master cox0 up; bridge link set dev p${n} hairpin on
      ip -n pod${n} addr add ${podIp(n)}/24 dev eth0; ip -n pod${n} link set lo up; ip -n pod${n} link set eth0 up
      ip -n pod${n} route add default via 10.244.1.1
      ip -n pod${n} addr add ${podIp6(n)}/64 dev eth0 nodad; ip -n pod${n} route add default via fd00:244:0:1::1
      for at in 0.0.0.0 '[${podIp6(n)}]'; do
        POD=pod${n} ip netns exec pod${n} busybox httpd -p "$at:8080" -h /run/www
      done
      POD=pod${n} ip netns exec pod${n} busybox httpd -f -p 0.0.0.0:${FORMER_PORT} -h /run/www >/dev/null 2>&1 &
      echo $! >/run/former-${n}`);
  }
  await sh(`ip netns exec pod1 ${ASSOCIATION} serve ${SCTP_PORT} pod1 >/dev/null 2>&1 &`);
}

/** What the server of SCTP says to a pod by the cluster IP, and to a client outside by the node port. */
const associations = (): Promise<string[]> =>
  Promise.all([associate('pod3', SCTP_VIP, 80), associate('client', NODE, 30_082)]);
/** Pods keep their address, clients outside are seen as the node. */
const ASSOCIATED = [`${podIp(3)} pod1`, '10.244.1.1 pod1'];

/** Longer than the guest may take: where it is too slow, that is what is told. */
const UNTIL_THE_END = { timeoutMs: 600_000, everyMs: 300 };

/** Requests without an end, from a namespace, each with a connection of its own. */
class Load {
  static #serial = 0;
  readonly #file = `/run/load-${++Load.#serial}`;
  readonly #ended: Promise<unknown>;

  /** @param patience for an answer, s */
  constructor(from: string, address: string, patience: number) {
    const once = `busybox timeout ${patience} ${wgetOf(address, 'whoami').join(' ')} 2>&1 && echo || echo "failed $?"`;
    const script = `until [ -e ${this.#file}.end ]; do ${once}; busybox usleep 500000; done >${this.#file}`;
    const [command = '', ...args] = [...within(from), 'busybox', 'sh', '-c', script];
    this.#ended = systemExec(command, args, UNTIL_THE_END);
    this.#ended.catch(() => {});
  }

  /** What was answered, and what went wrong. */
  get lines(): string[] {
    return readFileSync(this.#file, 'utf8').split('\n').filter(Boolean);
  }

  /** Waits until some more requests are answered: changes come in the midst of them. */
  async goesOn(): Promise<void> {
    const answers = () => this.lines.filter((l) => / pod\d$/.test(l)).length;
    const before = await waitFor('the load', () => answers() || undefined, UNTIL_THE_END);
    await waitFor('more answers', () => answers() >= before + 3, UNTIL_THE_END);
  }

  /** Ends it after the request under way. @returns what went wrong */
  async end(): Promise<string[]> {
    writeFileSync(`${this.#file}.end`, '');
    await this.#ended;
    return this.lines.filter((l) => !/^\S+ pod\d$/.test(l));
  }
}

/** Requests from a pod to the cluster IP, and from outside to the node port. */
const bothWays = (patience: number): Load[] => [
  new Load('pod3', VIP, patience),
  new Load('client', `${NODE}:30080`, patience),
];
const goOn = (loads: readonly Load[]) => Promise.all(loads.map((l) => l.goesOn()));
const endOf = (loads: readonly Load[]) => Promise.all(loads.map((l) => l.end()));

/** Whether a server has answered all that it was asked. */
async function isIdle({ ip, port }: Endpoint): Promise<boolean> {
  const servers = (await sh('ipvsadm -Ln')).split('\n').filter((l) => l.includes(`-> ${ip}:${port} `));
  // Weight, connections that stand or are being made, and those that are over.
  return servers.every((l) => / \d+ +0 +\d+ *$/.test(l));
}

const endpoint = (n: number, port = 8080): Endpoint => ({ ip: podIp(n), port, local: true });
const ends = (...pods: number[]): Endpoint[] => pods.map((n) => endpoint(n));
const service = (name: string, ip: string, endpoints: Endpoint[], more: Partial<ServicePort> = {}): ServicePort => ({
  ...{
    id: `ns/${name}:http`,
    protocol: 'tcp',
    clusterIP: ip,
    port: 80,
    nodePort: 0,
    externalIPs: [],
    loadBalancerIPs: [],
  },
  ...{ sourceRanges: [], affinitySeconds: 0, cluster: endpoints, internal: endpoints, external: endpoints },
  ...{ openToNode: false, externalLocal: false, ...more },
});
const VIP = '10.96.0.10';
const SCTP_VIP = '10.96.0.16';
const VIP6 = 'fd00:96::a';
const ends6 = (...pods: number[]): Endpoint[] => pods.map((n) => ({ ip: podIp6(n), port: 8080, local: true }));
const table6 = (web: Endpoint[]) => ({
  ports: [
    service('affine', 'fd00:96::c', ends6(1, 2), { affinitySeconds: 60 }),
    service('guarded', 'fd00:96::b', ends6(1), { loadBalancerIPs: ['fd00:5::7'], sourceRanges: ['fd00:9::/64'] }),
    service('local', 'fd00:96::e', ends6(1), { nodePort: 30_081, externalLocal: true }),
    service('open', 'fd00:96::f', ends6(2), { loadBalancerIPs: ['fd00:5::8'], sourceRanges: [`${CLIENT6}/128`] }),
    service('web', VIP6, web, { nodePort: 30_080, externalIPs: ['fd00:5::9'] }),
  ],
  announced: [],
});
const table = (web: Endpoint[]) => ({
  ports: [
    service('affine', '10.96.0.12', ends(1, 2), { affinitySeconds: 60 }),
    service('empty', '10.96.0.13', []),
    service('guarded', '10.96.0.11', ends(1), { loadBalancerIPs: ['198.51.100.7'], sourceRanges: ['203.0.113.0/24'] }),
    service('local', '10.96.0.14', ends(1), { nodePort: 30_081, externalLocal: true }),
    service('open', '10.96.0.15', ends(2), { loadBalancerIPs: ['198.51.100.8'], sourceRanges: [`${CLIENT}/32`] }),
    service('signals', SCTP_VIP, [endpoint(1, SCTP_PORT)], { protocol: 'sctp', nodePort: 30_082 }),
    service('web', VIP, web, { nodePort: 30_080, externalIPs: ['198.51.100.9'] }),
  ],
  announced: [],
});

const logger = createLogger('warn', 'guest');
const OPTIONS = { exec: systemExec, logger, family: 'IPv4', clusterCidr: CIDR } as const;
const OPTIONS6 = { ...OPTIONS, family: 'IPv6', clusterCidr: CIDR6 } as const;
const newIpvs = () => new IpvsBackend({ ...OPTIONS, scheduler: 'rr' });
const iptables = new IptablesBackend(OPTIONS);
const nftables = new NftablesBackend(OPTIONS);
let ipvs = newIpvs();
const ipvs6 = new IpvsBackend({ ...OPTIONS6, scheduler: 'rr' });
const iptables6 = new IptablesBackend(OPTIONS6);
/** The mode as the proxy program uses it. */
const proxyOf = (backend: IpvsBackend) =>
  new FamilyProxy({ family: 'IPv4', backend, others: [], always: true }, { exec: systemExec, logger });
let proxy = proxyOf(ipvs);

const checks: Checks = {
  'a pod reaches all endpoints by the cluster IP, with its own address': async () => {
    const found = await askers(4, 'pod3', VIP);
    return [
      [podsOf(found), found.get('pod1')],
      ['pod1 pod2', podIp(3)],
    ];
  },
  'a pod reaches itself': async () => [podsOf(await askers(4, 'pod1', VIP)), 'pod1 pod2'],
  'the node reaches the cluster IP': async () => [podsOf(await askers(2, '', VIP)), 'pod1 pod2'],
  'a client outside reaches the node port, seen as the node': async () => {
    const found = await askers(4, 'client', `${NODE}:30080`);
    return [
      [podsOf(found), found.get('pod1')],
      ['pod1 pod2', '10.244.1.1'],
    ];
  },
  'externalTrafficPolicy Local keeps the address of the client': async () => {
    return [await ask('client', `${NODE}:30081`), `${CLIENT} pod1`];
  },
  'external IPs': async () => [podsOf(await askers(2, 'client', '198.51.100.9')), 'pod1 pod2'],
  'source ranges guard the address of the load balancer': async () => {
    return [
      [await ask('client', '198.51.100.7', { patience: 3 }), (await ask('client', '198.51.100.8')) !== undefined],
      [undefined, true],
    ];
  },
  'SCTP: a pod by the cluster IP, and a client outside by the node port': async () => [
    await associations(),
    ASSOCIATED,
  ],
  'ClientIP affinity': async () => [(await askers(4, 'pod3', '10.96.0.12')).size, 1],
  'a Service without endpoints answers nothing': async () => [
    await ask('pod3', '10.96.0.13', { patience: 3 }),
    undefined,
  ],
  'an endpoint that goes gets no new connection, and keeps those it has': async () => {
    const slow = Promise.all([ask('pod3', VIP, { path: 'slow' }), ask('pod3', VIP, { path: 'slow' })]);
    // Both are under way when the kernel lists them.
    for (let tries = 0; tries < 400; tries++) {
      const active = (await sh('ipvsadm -Ln')).match(/Masq +\d+ +1 /g)?.length ?? 0;
      if (active >= 2) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await ipvs.apply(table(ends(2)));
    const later = podsOf(await askers(3, 'pod3', VIP));
    return [
      [later, (await slow).sort()],
      ['pod2', ['pod1', 'pod2']],
    ];
  },
  'a proxy that starts anew drops nothing': async () => {
    await ipvs.apply(table(ends(1, 2)));
    const slow = ask('pod3', VIP, { path: 'slow' });
    ipvs = newIpvs();
    await ipvs.apply(table(ends(1, 2)));
    return [
      [/^pod[12]$/.test((await slow) ?? ''), podsOf(await askers(2, 'pod3', VIP))],
      [true, 'pod1 pod2'],
    ];
  },
  'a rolling update under a constant load fails no request': async () => {
    proxy = proxyOf(ipvs);
    let now = [1, 2].map((n) => endpoint(n, FORMER_PORT));
    await proxy.sync(table(now), undefined);
    const loads = bothWays(UNTIL_THE_END.timeoutMs / 1000);
    for (const [i, gone] of now.entries()) {
      await goOn(loads);
      now = now.with(i, endpoint(i + 1));
      await proxy.sync(table(now), undefined);
      // For this the agent gives it a second.
      await waitFor('its last answer', () => isIdle(gone), UNTIL_THE_END);
      process.kill(Number(readFileSync(`/run/former-${i + 1}`, 'utf8')));
    }
    await goOn(loads);
    return [await endOf(loads), [[], []]];
  },
  'a pod is lost under a constant load: only requests to it fail, and none once its endpoint is gone': async () => {
    const loads = bothWays(10);
    await goOn(loads);
    await sh('ip link set p1 down');
    const silent = await unanswered(VIP, 80);
    await proxy.sync(table(ends(2)), undefined);
    // The kernel remembers where an attempt went as long as the client goes on from the same port.
    if (silent) await waitFor('an answer', async () => (await attempt(VIP, 80, silent)).answered, UNTIL_THE_END);
    const after = [podsOf(await askers(4, 'pod3', VIP)), podsOf(await askers(4, 'client', `${NODE}:30080`))];
    const failures = await endOf(loads);
    await sh('ip link set p1 up');
    // What is said when no answer comes in time; who is refused hears something else.
    const silence = /Terminated|failed \d+$|No route to host|timed out/;
    return [
      [after, failures.map((lines) => lines.filter((l) => !silence.test(l)))],
      [
        ['pod2', 'pod2'],
        [[], []],
      ],
    ];
  },
  'what somebody flushed is noticed and put back': async () => {
    const before = await ipvs.intact();
    await sh('iptables -t nat -F; ipvsadm -C');
    const after = (await ipvs.intact()) || (await ipvs6.intact());
    await ipvs.apply(table(ends(1, 2)));
    await ipvs6.apply(table6(ends6(1, 2)));
    return [
      [before, after, podsOf(await askers(2, 'pod3', VIP)), await ipvs.intact()],
      [true, false, 'pod1 pod2', true],
    ];
  },
  'another mode takes over, and nothing of this one is left': async () => {
    await iptables.apply(table(ends(1, 2)));
    await ipvs.cleanup();
    const left = await sh(
      'ipvsadm -Ln | grep -c "TCP  [0-9]"; ipset list -n | grep -c ^COX-; iptables-save | grep -c COXVS; ip link | grep -c cox-ipvs0; true',
    );
    // At random there: both come up in so many tries but once in eight million.
    const found = await askers(24, 'pod3', VIP);
    return [
      [left.split('\n').slice(0, 4), podsOf(found)],
      [['0', '0', '0', '0'], 'pod1 pod2'],
    ];
  },
  'SCTP by rules of iptables': async () => [await associations(), ASSOCIATED],
  'SCTP by rules of nftables': async () => {
    await nftables.apply(table(ends(1, 2)));
    await iptables.cleanup();
    return [await associations(), ASSOCIATED];
  },
  'what goes of one family leaves the other alone': async () => {
    const found = await askers(2, 'pod3', `[${VIP6}]`);
    return [podsOf(found), 'pod1 pod2'];
  },
  'IPv6: a pod reaches all endpoints with its own address, and itself': async () => {
    const found = await askers(4, 'pod3', `[${VIP6}]`);
    return [
      [podsOf(found), found.get('pod1'), podsOf(await askers(4, 'pod1', `[${VIP6}]`))],
      ['pod1 pod2', podIp6(3), 'pod1 pod2'],
    ];
  },
  'IPv6: the node reaches the cluster IP, and a client the node port and an external IP': async () => {
    const found = await askers(2, 'client', `[${NODE6}]:30080`);
    return [
      [podsOf(await askers(2, '', `[${VIP6}]`)), podsOf(found), found.get('pod1')],
      ['pod1 pod2', 'pod1 pod2', 'fd00:244:0:1::1'],
    ];
  },
  'IPv6: externalTrafficPolicy Local, external IPs, affinity': async () => [
    [
      await ask('client', `[${NODE6}]:30081`),
      podsOf(await askers(2, 'client', '[fd00:5::9]')),
      (await askers(3, 'pod3', '[fd00:96::c]')).size,
    ],
    [`${CLIENT6} pod1`, 'pod1 pod2', 1],
  ],
  'IPv6: source ranges': async () => {
    const guarded = await ask('client', '[fd00:5::7]', { patience: 3 });
    return [
      [guarded, (await ask('client', '[fd00:5::8]')) !== undefined],
      [undefined, true],
    ];
  },
  'IPv6: what somebody flushed is put back': async () => {
    await sh('ip6tables -t nat -F; ipvsadm -C');
    const intact = await ipvs6.intact();
    await ipvs6.apply(table6(ends6(2)));
    return [
      [intact, podsOf(await askers(2, 'pod3', `[${VIP6}]`))],
      [false, 'pod2'],
    ];
  },
  'IPv6: another mode takes over, and nothing of this one is left': async () => {
    await iptables6.apply(table6(ends6(1)));
    await ipvs6.cleanup();
    const left = await sh(
      'ipvsadm -Ln | grep -c "TCP  .fd00"; ipset list -n | grep -c ^COX6; ip6tables-save | grep -c COXVS; ip link | grep -c cox-ipvs6; true',
    );
    return [
      [
        left.split('\n').slice(0, 4),
        await ask('pod3', `[${VIP6}]`),
        (await ask('client', `[${NODE6}]:30080`))?.slice(-4),
      ],
      [['0', '0', '0', '0'], `${podIp6(3)} pod1`, 'pod1'],
    ];
  },
  'and back again': async () => {
    ipvs = newIpvs();
    await ipvs.apply(table(ends(1, 2)));
    await nftables.cleanup();
    return [podsOf(await askers(2, 'pod3', VIP)), 'pod1 pod2'];
  },
};

await build();
await ipvs.apply(table(ends(1, 2)));
await ipvs6.apply(table6(ends6(1, 2)));
await runChecks(checks);
process.exit(0);
