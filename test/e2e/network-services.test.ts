import { beforeAll, describe, expect, test } from 'vitest';
import { bin } from '../bed/layout.ts';
import { probe } from '../bed/net.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { manifest } from './manifests.ts';
import { isSilent } from './network/attempt.ts';
import { echoServer, sliceOf, Talk } from './network/servers.ts';
import { nodePort, service, who } from './network/services.ts';
import { udpClientFollows } from './network/udp-client.ts';
import { flagAs, restartWith } from './restart.ts';

describe.each(['iptables', 'nftables'])('%s', (mode) => {
  const cluster = useCluster(`e2e-network-services-${mode}`, {
    nodes: 2,
    apiservers: 1,
    flags: (lan) => ({
      proxy: ['--proxy-mode', mode],
      'controller-manager': ['--load-balancer-pools', `lan=${lan}.200-${lan}.201`],
    }),
  });
  const kubectl = (...args: string[]) => cluster().kubectlOk(args);
  const apply = (...documents: string[]) =>
    cluster().kubectlOk(['apply', '-f', '-'], { input: documents.join('\n---\n') });
  const node = (n: number) => {
    const found = cluster().nodes[n];
    if (!found) throw new Error(`there is no node ${n}`);
    return found;
  };
  /** This machine as the nodes see it: a client outside the cluster. */
  const outside = (): string => node(0).address.replace(/\d+$/, '1');

  const loadBalancer = (port: number, spec: object): object => ({
    type: 'LoadBalancer',
    // Of another make than the nodes' own: the tests give the addresses.
    loadBalancerClass: 'example.org/by-hand',
    ports: [{ port, targetPort: 'http' }],
    ...spec,
  });

  /** Whether a connection is refused, rather than left without an answer. */
  const refused = (address: string, port: number): Promise<boolean> =>
    probe(`http://${address}:${port}/`).then(
      () => false,
      (e: Error) => /ECONNREFUSED|EHOSTUNREACH/.test(`${e} ${e.cause}`),
    );
  const whoFrom = async (pod: string, address: string, port: number): Promise<string> =>
    (
      await cluster().kubectl([
        'exec',
        pod,
        '--',
        'timeout',
        '10',
        'wget',
        '-qO-',
        `http://${address}:${port}/cgi-bin/whoami`,
      ])
    ).stdout;
  const podIp = (pod: string) => cluster().get('pod', pod, '-o', 'jsonpath={.status.podIP}');
  const answers = (address: string, port: number) => waitFor('an answer', () => who(address, port));
  const giveAddress = (name: string, ip: string) =>
    kubectl(
      ...['patch', 'service', name, '--subresource=status', '--type=merge', '-p'],
      JSON.stringify({ status: { loadBalancer: { ingress: [{ ip }] } } }),
    );

  beforeAll(async () => {
    const labels = { app: 'web' };
    await apply(
      manifest.whoami('web-0', { node: node(0).name, labels }),
      manifest.whoami('web-1', { node: node(0).name, labels }),
      manifest.sleeper('client', node(1).name),
      service('web', nodePort(30080)),
    );
    await kubectl('wait', '--for=condition=Ready', 'pods', '--all', '--timeout=110s');
  });

  describe('source ranges', () => {
    test('guard the address of the load balancer, and no other', async () => {
      const allowed = (range: string): string =>
        service('guarded', loadBalancer(8090, { externalIPs: [node(1).address], loadBalancerSourceRanges: [range] }));
      await apply(allowed('198.51.100.0/24'));
      await giveAddress('guarded', node(0).address);
      await answers(node(1).address, 8090);
      await waitFor('it is guarded', () => isSilent(node(0).address, 8090));
      await apply(allowed(`${outside()}/32`));
      await answers(node(0).address, 8090);
      // A pod is a client like any other.
      expect(await waitFor('an answer', () => whoFrom('client', node(1).address, 8090))).toMatch(/web-/);
      await apply(allowed(`${await podIp('client')}/32`));
      await waitFor('the pod is let in', async () => (await whoFrom('client', node(0).address, 8090)).includes('web-'));
      // The pod asked its own node: the other one may know of it later.
      await waitFor('nobody else is', () => isSilent(node(0).address, 8090));
      await kubectl('delete', 'service', 'guarded');
    });
  });

  test('an address of a pool is answered for on the LAN by one node, and by another when that takes no part any more', async () => {
    const spec = { ...loadBalancer(8092, {}), loadBalancerClass: 'coxswain.dev/lan' };
    await apply(service('pooled', spec));
    const read = (path: string) => cluster().get('service', 'pooled', '-o', `jsonpath=${path}`);
    const address = await waitFor('an address', () => read('{.status.loadBalancer.ingress[0].ip}'));
    expect(address).toMatch(/\.20[01]$/);
    const announcer = () => read('{.metadata.annotations.coxswain\\.dev/announced-by}');
    const holders = async (): Promise<string> => {
      const routes = ['-4', 'route', 'show', 'table', 'local', 'proto', '253'];
      const found = await Promise.all([0, 1].map(async (n) => (await node(n).exec('ip', routes)).stdout));
      return [0, 1].filter((n) => found[n]?.includes(address)).join();
    };
    await answers(address, 8092);
    const first = (await announcer()) === node(0).name ? 0 : 1;
    expect(await holders()).toBe(String(first));
    const excluded = 'node.kubernetes.io/exclude-from-external-load-balancers';
    await kubectl('label', 'node', node(first).name, `${excluded}=`);
    await waitFor('the other node has it', async () => (await holders()) === String(1 - first));
    expect(await announcer()).toBe(node(1 - first).name);
    await answers(address, 8092);
    await kubectl('label', 'node', node(first).name, `${excluded}-`);
    await kubectl('delete', 'service', 'pooled');
    await waitFor('nobody has it', async () => (await holders()) === '');
  });

  test('a pod reaches itself through its Service, and with its own address another one', async () => {
    const ip = await cluster().get('svc', 'web', '-o', 'jsonpath={.spec.clusterIP}');
    const [own, other] = [await podIp('web-0'), await podIp('client')];
    const seen = new Set<string>();
    await waitFor('both answer', async () => {
      seen.add((await whoFrom('web-0', ip, 80)).trim().split(' ')[1] ?? '');
      return seen.has('web-0') && seen.has('web-1');
    });
    expect(await waitFor('an answer', () => whoFrom('client', ip, 80))).toContain(`${other} `);
    expect(own).not.toBe(other);
  });

  test('a node port answers on 127.0.0.1 of a node, though its pods are on another one', async () => {
    const asked = ['-sm5', 'http://127.0.0.1:30080/cgi-bin/whoami'];
    await waitFor('an answer', async () => / web-[01]/.test((await node(1).exec('curl', asked)).stdout));
  });

  test('a Service without endpoints refuses at once', async () => {
    await apply(service('empty', { ...nodePort(30090), selector: { app: 'nobody' } }));
    const ip = await cluster().get('svc', 'empty', '-o', 'jsonpath={.spec.clusterIP}');
    await waitFor('refusals', async () => {
      const { code } = await node(0).exec('curl', ['-sm2', `http://${ip}/`]);
      return code === 7 && (await refused(node(0).address, 30090));
    });
    await kubectl('delete', 'service', 'empty');
  });

  test('trafficDistribution PreferClose: the endpoint of the own zone, as long as it is ready', async () => {
    await kubectl('label', 'node', node(0).name, 'topology.kubernetes.io/zone=a');
    await kubectl('label', 'node', node(1).name, 'topology.kubernetes.io/zone=b');
    const labels = { app: 'zoned' };
    await apply(
      manifest.whoami('zoned-0', { node: node(0).name, labels }),
      manifest.whoami('zoned-1', { node: node(1).name, labels }),
      service('zoned', { selector: labels, trafficDistribution: 'PreferClose' }),
    );
    await kubectl('wait', '--for=condition=Ready', 'pod/zoned-0', 'pod/zoned-1', '--timeout=110s');
    const ip = await cluster().get('svc', 'zoned', '-o', 'jsonpath={.spec.clusterIP}');
    /** Who answers ten requests in a row of the client, which is on node 1. */
    const ten = async (): Promise<string> => {
      const loop = `for i in 1 2 3 4 5 6 7 8 9 10; do timeout 5 wget -qO- http://${ip}/cgi-bin/whoami; done`;
      const { stdout } = await cluster().kubectl(['exec', 'client', '--', 'sh', '-c', loop]);
      return [
        ...new Set(
          stdout
            .trim()
            .split('\n')
            .map((line) => line.split(' ')[1]),
        ),
      ]
        .sort()
        .join(' ');
    };
    await waitFor('only the close one', async () => (await ten()) === 'zoned-1');
    await kubectl('delete', 'pod', 'zoned-1', '--wait=false');
    await waitFor('the other one', async () => (await ten()) === 'zoned-0');
    await kubectl('patch', 'service', 'zoned', '--type=merge', '-p', '{"spec":{"trafficDistribution":null}}');
    await kubectl('delete', 'service/zoned', 'pod/zoned-0', '--wait=false');
    for (const n of [0, 1]) await kubectl('label', 'node', node(n).name, 'topology.kubernetes.io/zone-');
  });

  describe('session affinity', () => {
    test('ClientIP: a client stays with its endpoint as long as that exists', async () => {
      const all = new Set<string>();
      await waitFor('both answer without affinity', async () => {
        all.add((await who(node(1).address, 30080))?.pod ?? '');
        return all.has('web-0') && all.has('web-1');
      });
      const affine = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } };
      await apply(service('affine', { ...nodePort(30081), ...affine }));
      const first = (await answers(node(1).address, 30081)).pod;
      for (let i = 0; i < 20; i++) expect((await answers(node(1).address, 30081)).pod).toBe(first);
      await kubectl('label', 'pod', first, 'app-', '--overwrite');
      await waitFor('the other one answers', async () => {
        const pod = (await who(node(1).address, 30081))?.pod;
        return pod !== undefined && pod !== first;
      });
      await kubectl('label', 'pod', first, 'app=web', '--overwrite');
      await kubectl('delete', 'service', 'affine');
    });
  });

  describe('externalTrafficPolicy', () => {
    test('Cluster hides the client, Local keeps it and leaves nodes without endpoints out', async () => {
      expect((await answers(node(1).address, 30080)).client).not.toBe(outside());
      await apply(service('local', loadBalancer(8091, { externalTrafficPolicy: 'Local' })));
      await giveAddress('local', node(0).address);
      const read = async (path: string) => Number(await cluster().get('svc', 'local', '-o', `jsonpath=${path}`));
      const port = await read('{.spec.ports[0].nodePort}');
      const health = await read('{.spec.healthCheckNodePort}');
      expect((await answers(node(0).address, port)).client).toBe(outside());
      expect((await answers(node(0).address, 8091)).client).toBe(outside());
      await waitFor('none where no endpoint is', () => isSilent(node(1).address, port));
      const check = async (n: number): Promise<[number, unknown]> => {
        const r = await fetch(`http://${node(n).address}:${health}/`, { signal: AbortSignal.timeout(10_000) });
        return [r.status, await r.json()];
      };
      /** Every proxy opens the port, and tells of other endpoints, some time after its rules are in force. */
      const told = (n: number, status: number, localEndpoints: number) =>
        waitFor(`${status}, ${localEndpoints} endpoints`, async () => {
          const body = { service: { namespace: 'default', name: 'local' }, serviceProxyHealthy: true, localEndpoints };
          expect(await check(n)).toEqual([status, body]);
          return true;
        });
      await told(0, 200, 2);
      await told(1, 503, 0);
      // From inside the cluster the address means the service with all its endpoints, wherever the client is.
      expect(await waitFor('an answer', () => whoFrom('client', node(0).address, 8091))).toMatch(/web-/);
      await kubectl('delete', 'service', 'local');
      await waitFor('the health check port closes', () =>
        check(0).then(
          () => false,
          () => true,
        ),
      );
    });
  });

  test('ports of the node that somebody else has: events tell, nothing else suffers, and they are used once they are free', async () => {
    const [health, host] = [32_750, 32_751];
    const code = `for (const port of [${health}, ${host}]) require('http').createServer((q, r) => r.end('other')).listen(port);`;
    const logFile = `${cluster().dir}/logs/squatter.log`;
    const other = node(0).process({
      ...{ name: 'squatter', command: process.execPath, args: ['-e', code], logFile },
      ready: async () => {
        for (const port of [health, host]) await waitFor('it', () => probe(`http://${node(0).address}:${port}/`));
      },
    });
    const eventsOf = (fields: string) =>
      cluster().get('events', `--field-selector=${fields}`, '-o', 'jsonpath={.items[*].message}');
    const pod = JSON.stringify({
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'wants-port' } },
      spec: {
        nodeName: node(0).name,
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            ...{ name: 'main', image: 'coxswain/hello:1', imagePullPolicy: 'Never' },
            ports: [{ containerPort: 8080, hostPort: host }],
          },
        ],
      },
    });
    await other.start();
    try {
      // A node port at random might be one of those.
      const ports = [{ port: 8093, targetPort: 'http', nodePort: 30093 }];
      const spec = { externalTrafficPolicy: 'Local', healthCheckNodePort: health, ports };
      await apply(service('squatted', loadBalancer(8093, spec)), pod);
      await waitFor('an event about the Service', async () => {
        const told = await eventsOf('involvedObject.name=squatted,reason=FailedToStartServiceHealthcheck');
        return told.includes(node(0).name) && !told.includes(node(1).name);
      });
      await waitFor('an event about the pod', async () => {
        return /address already in use/.test(await eventsOf('involvedObject.name=wants-port,type=Warning'));
      });
      await answers(node(0).address, 30080);
    } finally {
      await other.stop();
    }
    const check = () => fetch(`http://${node(0).address}:${health}/`, { signal: AbortSignal.timeout(2000) });
    await waitFor('health checks are answered', async () => (await check()).status === 200);
    await kubectl('wait', '--for=condition=Ready', 'pod/wants-port', '--timeout=110s');
    const hello = async () => (await probe(`http://${node(0).address}:${host}/`)).startsWith('hello');
    await waitFor('the pod at its port', hello);
    await kubectl('delete', 'service/squatted', 'pod/wants-port', '--wait=false');
  });

  test('a UDP client follows when its endpoint goes, without a new socket', () =>
    udpClientFollows({ servers: [node(0), node(1)], address: node(1).address, apply, kubectl }));

  const rulesOf = async (n: number): Promise<string> =>
    (await node(n).exec('iptables-save')).stdout + (await node(n).exec('nft', ['list', 'tables'])).stdout;
  const MARKS: Readonly<Record<string, RegExp>> = { iptables: /COX-/, nftables: /coxswain-proxy/ };
  /** Which modes have rules on a node. */
  const present = async (n: number): Promise<string> => {
    const rules = await rulesOf(n);
    return Object.keys(MARKS)
      .filter((m) => MARKS[m]?.test(rules))
      .join();
  };

  test('rules that somebody flushed come back', async () => {
    await answers(node(1).address, 30080);
    if (mode === 'iptables') for (const table of ['nat', 'filter']) await node(1).exec('iptables', ['-t', table, '-F']);
    else await node(1).exec('nft', ['flush', 'table', 'ip', 'coxswain-proxy']);
    await waitFor('the rules are back', () => who(node(1).address, 30080));
  });

  test('the kernel has refused none of the changes', () => {
    for (const { proxy } of cluster().nodes) expect(cluster().logs(proxy.name)).not.toContain('sync failed');
  });

  test('a connection outlives a kill of the proxy and changes of its mode, which leave no rules of another one; --cleanup leaves none', async () => {
    const echo = echoServer(node(0), 5303);
    await echo.start();
    const open = { type: 'NodePort', selector: undefined, ports: [{ port: 5303, nodePort: 30055 }] };
    await apply(service('open', open), sliceOf('open', { port: 5303 }, node(0).address));
    const talk = await Talk.open(node(1).address, 30_055);
    await node(1).proxy.kill('SIGKILL');
    await talk.says('without a proxy');
    await node(1).proxy.start();
    await waitFor('the rules are written anew', () => probe(`http://${node(1).address}:10256/readyz`));
    await talk.says('with the next proxy');
    const other = mode === 'iptables' ? 'nftables' : 'iptables';
    let running = node(1).proxy;
    const switchTo = async (value: string): Promise<void> => {
      running = await restartWith(node(1), running, { args: flagAs('--proxy-mode', value), ready: '10256/readyz' });
      await waitFor(`rules of ${value} alone`, async () => (await present(1)) === value);
      await answers(node(1).address, 30080);
    };
    expect(await present(1)).toBe(mode);
    for (const value of [other, mode]) {
      await switchTo(value);
      await talk.says(`in mode ${value}`);
    }
    talk.end();
    await echo.stop();
    await running.stop();
    // As if it had been killed while both had rules.
    await node(1).exec('nft', ['add', 'table', 'ip', 'coxswain-proxy']);
    await node(1).exec('iptables', ['-t', 'nat', '-N', 'COX-LEFT']);
    const route = ['table', 'local', 'proto', '253'];
    await node(1).exec('ip', ['route', 'add', 'local', '203.0.113.9/32', 'dev', 'lo', ...route]);
    expect((await node(1).exec(bin('proxy'), ['--cleanup'], { timeoutMs: 120_000 })).code).toBe(0);
    expect([await present(1), (await node(1).exec('ip', ['-4', 'route', 'show', ...route])).stdout]).toEqual(['', '']);
    await node(1).proxy.start();
    await answers(node(1).address, 30080);
  });
});
