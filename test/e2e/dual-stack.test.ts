import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { beforeAll, describe, expect, test } from 'vitest';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { manifest } from './manifests.ts';

const cluster = useCluster('e2e-dual-stack', { nodes: 2, apiservers: 1, families: 'IPv4,IPv6' });
const kubectl = (...args: string[]) => cluster().kubectlOk(args, { timeoutMs: 120_000 });
const apply = (input: string) => cluster().kubectlOk(['apply', '-f', '-'], { input });
const list = async (kind: string, name: string, path: string) =>
  (await cluster().get(kind, name, '-o', `jsonpath={${path}}`)).split(' ').filter(Boolean);
const inPod = (pod: string, ...command: string[]) => cluster().kubectl(['exec', pod, '--', ...command]);

const V4 = expect.stringMatching(/^10\.244\.\d+\.\d+$/);
const V6 = expect.stringMatching(/^fd00:10:244:/);
const SIX_PORT = 8086;

const podIps = (pod: string) => list('pod', pod, '.status.podIPs[*].ip');
/** Two pods of this label on each bed; both listen to both families. */
const service = (name: string, spec: object) =>
  JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name } },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
  });

/** Tells its addresses, as it is told them, and listens on the IPv6 loopback only. */
const TELLER = `
apiVersion: v1
kind: Pod
metadata: { name: teller }
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: coxswain/busybox:1
    imagePullPolicy: Never
    env:
    - { name: POD_IPS, valueFrom: { fieldRef: { fieldPath: status.podIPs } } }
    - { name: HOST_IPS, valueFrom: { fieldRef: { fieldPath: status.hostIPs } } }
    command: [sh, -c, 'mkdir /www; echo six > /www/index.html; exec httpd -f -p [::1]:${SIX_PORT} -h /www']
`;

beforeAll(async () => {
  const names = cluster().nodes.map((n) => n.name);
  await apply(
    [
      ...names.map((name, i) => manifest.whoami(`web-${i}`, { node: name, labels: { app: 'web' } })),
      manifest.sleeper('client', names[0]),
      TELLER,
    ].join('---'),
  );
  await kubectl('wait', '--for=condition=Ready', 'pods', '--all', '--timeout=110s');
});

describe('addresses of both families', () => {
  test('of nodes: a subnet each, no two the same, and where they are reached', async () => {
    const subnets = await Promise.all(cluster().nodes.map((n) => list('node', n.name, '.spec.podCIDRs[*]')));
    for (const s of subnets) expect(s.join(' ')).toMatch(/^10\.244\.\d+\.0\/24 fd00:10:244:\S*\/64$/);
    expect(new Set(subnets.flat()).size).toBe(4);
    for (const n of cluster().nodes) {
      expect(await list('node', n.name, '.status.addresses[?(@.type=="InternalIP")].address')).toEqual([
        n.address,
        n.address6,
      ]);
    }
  });

  test('of pods, as the API, their environment and /etc/hosts tell', async () => {
    const [ips, hosts] = await Promise.all([podIps('teller'), list('pod', 'teller', '.status.hostIPs[*].ip')]);
    expect(ips).toEqual([V4, V6]);
    expect(cluster().nodes.map((n) => [n.address, n.address6])).toContainEqual(hosts);
    expect((await inPod('teller', 'sh', '-c', 'echo $POD_IPS $HOST_IPS')).stdout.trim()).toBe(
      `${ips.join()} ${hosts.join()}`,
    );
    const file = (await inPod('teller', 'cat', '/etc/hosts')).stdout;
    for (const ip of ips) expect(file).toContain(`${ip}\tteller\n`);
    // The interface has them, and nothing waits for duplicate address detection.
    expect((await inPod('teller', 'ip', 'address')).stdout).toContain(`${ips[1]}/64`);
    expect(await kubectl('get', 'pods', 'teller', '-o', 'wide')).toContain(ips[0]);
    const described = await kubectl('describe', 'pod', 'teller');
    for (const ip of ips) expect(described).toMatch(new RegExp(`^ {2}IP: +${ip}$`, 'm'));
  });

  test('a port of which only the IPv6 loopback knows is forwarded', async () => {
    // The container is ready as soon as it runs.
    const here = ['wget', '-qO-', `http://[::1]:${SIX_PORT}/`];
    await waitFor('the server', async () => (await inPod('teller', ...here)).stdout === 'six\n');
    const { kubeconfig } = cluster();
    const args = ['--kubeconfig', kubeconfig, 'port-forward', 'pod/teller', `:${SIX_PORT}`];
    const child = spawn('kubectl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = once(child, 'close');
    try {
      let told = '';
      child.stdout.on('data', (c: Buffer) => {
        told += c.toString();
      });
      const port = await waitFor('the port to be forwarded', async () => /127\.0\.0\.1:(\d+)/.exec(told)?.[1]);
      const body = new Promise<string>((resolve, reject) => {
        get(`http://127.0.0.1:${port}/`, { agent: false, timeout: 60_000 }, (response) => {
          response.setEncoding('utf8').once('data', resolve).once('error', reject);
        }).once('error', reject);
      });
      expect(await body).toBe('six\n');
    } finally {
      child.kill();
      await ended;
    }
  });
});

describe('Services of both families', () => {
  /** What a pod's own resolver finds, sorted. */
  const lookup = async (name: string) => {
    const { stdout } = await inPod('client', 'nslookup', name);
    const answers = stdout.slice(stdout.indexOf('Name:'));
    const found = [...answers.matchAll(/^Address(?: \d+)?: (\S+)/gm)].map((m) => m[1] ?? '');
    return [...new Set(found)].sort();
  };
  const until = (what: string, wanted: () => Promise<boolean>) => waitFor(what, wanted, { timeoutMs: 60_000 });
  const same = (a: readonly string[], b: readonly string[]) => [...a].sort().join() === [...b].sort().join();
  const slices = async (name: string) => {
    const selector = `kubernetes.io/service-name=${name}`;
    const { items } = JSON.parse(await cluster().get('endpointslices', '-l', selector, '-o', 'json')) as {
      items: { addressType: string; endpoints: { addresses: string[] }[] }[];
    };
    return Object.fromEntries(items.map((s) => [s.addressType, s.endpoints.flatMap((e) => e.addresses).sort()]));
  };

  test('a second address comes and goes, with its slices and names', async () => {
    const [zero, one] = await Promise.all([podIps('web-0'), podIps('web-1')]);
    const ofBoth = (i: number) => [zero[i], one[i]].sort();
    await apply(service('web', {}));
    const name = 'web.default.svc.cluster.local';
    const [first = ''] = await list('service', 'web', '.spec.clusterIPs[*]');
    await until('one slice, one address', async () => {
      const found = await slices('web');
      return same(Object.keys(found), ['IPv4']) && same(await lookup(name), [first]);
    });
    await kubectl('patch', 'service', 'web', '-p', '{"spec":{"ipFamilyPolicy":"PreferDualStack"}}');
    const ips = await list('service', 'web', '.spec.clusterIPs[*]');
    expect(ips).toEqual([first, expect.stringMatching(/^fd00:10:96::/)]);
    await until('slices of both families', async () => {
      const found = await slices('web');
      return same(found.IPv4 ?? [], ofBoth(0) as string[]) && same(found.IPv6 ?? [], ofBoth(1) as string[]);
    });
    await until('A and AAAA', async () => same(await lookup(name), ips));
    expect((await inPod('client', 'nslookup', ips[1] ?? '')).stdout).toContain(`name = ${name}`);
    // The older Endpoints have the primary family only.
    await until('Endpoints', async () =>
      same(await list('endpoints', 'web', '.subsets[*].addresses[*].ip'), ofBoth(0) as string[]),
    );
    const described = await kubectl('describe', 'service', 'web');
    expect(described).toMatch(/^IP Families: +IPv4,IPv6$/m);
    expect(described).toMatch(new RegExp(`^IPs: +${ips.join()}$`, 'm'));

    await kubectl('patch', 'service', 'web', '-p', '{"spec":{"ipFamilyPolicy":"SingleStack"}}');
    await until('the second is gone', async () => {
      const found = await slices('web');
      return same(Object.keys(found), ['IPv4']) && same(await lookup(name), [first]);
    });
  });

  test('headless, and IPv6 first: names of the pods and backwards', async () => {
    const [zero, one] = await Promise.all([podIps('web-0'), podIps('web-1')]);
    await apply(service('six', { ipFamilies: ['IPv6'], ipFamilyPolicy: 'RequireDualStack' }));
    await apply(service('peers', { clusterIP: 'None', ipFamilyPolicy: 'PreferDualStack' }));
    expect(await list('service', 'six', '.spec.clusterIPs[*]')).toEqual([
      ...[/^fd00:10:96::/, /^10\.96\./].map((p) => expect.stringMatching(p)),
    ]);
    expect(await kubectl('get', 'service', 'six')).toMatch(/fd00:10:96::/);
    const sixes = [zero[1] ?? '', one[1] ?? ''];
    await until('Endpoints of its primary family', async () =>
      same(await list('endpoints', 'six', '.subsets[*].addresses[*].ip'), sixes),
    );
    await until('all addresses of the pods', async () =>
      same(await lookup('peers.default.svc.cluster.local'), [...zero, ...one]),
    );
    const label = sixes[0]?.replace(/:/g, '-');
    const host = `${label}.peers.default.svc.cluster.local`;
    expect(await lookup(host)).toEqual([sixes[0]]);
    expect((await inPod('client', 'nslookup', sixes[0] ?? '')).stdout).toContain(`name = ${host}`);
    expect(await lookup(`${label}.default.pod.cluster.local`)).toEqual([sixes[0]]);
  });
});

describe('IPv6 alone', () => {
  const only = useCluster('e2e-ipv6-only', { nodes: 1, apiservers: 1, families: 'IPv6' });
  const ok = (...args: string[]) => only().kubectlOk(args, { timeoutMs: 120_000 });

  test('pods have no IPv4 address, reach each other and Services by name, and outlive their agent', async () => {
    const input = [
      manifest.whoami('web', { labels: { app: 'web' }, dualStack: true }),
      manifest.sleeper('client'),
      service('web', {}),
    ].join('\n---\n');
    await only().kubectlOk(['apply', '-f', '-'], { input });
    await ok('wait', '--for=condition=Ready', 'pods', '--all', '--timeout=110s');
    const ips = async () => (await only().get('pods', '-o', 'jsonpath={.items[*].status.podIPs[*].ip}')).split(' ');
    const before = await ips();
    expect(before).toEqual([V6, V6]);
    expect(await ok('exec', 'client', '--', 'ip', '-4', 'address', 'show', 'dev', 'eth0')).toBe('');
    expect(await ok('exec', 'client', '--', 'cat', '/etc/hosts')).not.toContain('172.');
    const whoami = 'http://web.default.svc.cluster.local/cgi-bin/whoami';
    const answers = () => only().kubectl(['exec', 'client', '--', 'timeout', '2', 'wget', '-qO-', whoami]);
    await waitFor('an answer', async () => (await answers()).stdout.trim().endsWith(' web'));

    // The network it finds is the one it made, though Docker has given it a subnet that nobody asked for.
    const [node] = only().nodes;
    await node?.agent.stop();
    await node?.agent.start();
    const more = manifest.sleeper('later');
    await only().kubectlOk(['apply', '-f', '-'], { input: more });
    await ok('wait', '--for=condition=Ready', 'pods', '--all', '--timeout=110s');
    expect(await ips()).toEqual([before[0], V6, before[1]]);
  });
});
