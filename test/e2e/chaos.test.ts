import { request } from 'node:https';
import { beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '#async/clock.ts';
import { type Kubeconfig, loadKubeconfig } from '#client/kubeconfig.ts';
import type { ProcessName } from '../bed/cluster.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { HELLO, manifest, podsOf } from './manifests.ts';

const cluster = useCluster('e2e-chaos', {
  nodes: 2,
  members: 3,
  flags: { 'controller-manager': ['--node-monitor-grace-period', '25s'] },
});

const answers = async (): Promise<boolean> => {
  const r = await cluster().nodes[0]?.exec('curl', ['-sf', '-m', '20', `http://${cluster().nodes[0]?.address}:30080/`]);
  return r?.code === 0;
};

/** New work is done from request to running container. */
async function newWork(name: string): Promise<void> {
  await waitFor(
    'the API takes a pod',
    async () => (await cluster().kubectl(['apply', '-f', '-'], { input: manifest.sleeper(name) })).code === 0,
  );
  await cluster().kubectlOk(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=100s']);
  await cluster().kubectlOk(['delete', 'pod', name, '--timeout=100s']);
}

const containerIds = async (): Promise<string[]> =>
  (await podsOf(cluster(), 'app=hello'))
    .flatMap((p) => p.status.containerStatuses?.map((c) => c.containerID) ?? [])
    .sort();

beforeAll(async () => {
  await cluster().kubectlOk(['apply', '-f', '-'], { input: HELLO });
  await cluster().kubectlOk(['rollout', 'status', 'deployment/hello', '--timeout=100s']);
  await waitFor('the service answers', answers);
});

describe('kill -9, the workload serves and new work is done', () => {
  test.each<ProcessName>(['apiserver1', 'etcd1', 'scheduler', 'controller-manager'])('%s', async (name) => {
    const victim = cluster().processes[name];
    await victim.kill('SIGKILL');
    expect(await answers()).toBe(true);
    // One of several: work goes on without it. The single ones come back first, as under any supervisor.
    if (name === 'scheduler' || name === 'controller-manager') await victim.start();
    await newWork(`after-${name}`);
    if (!victim.running) await victim.start();
    expect(await answers()).toBe(true);
  });

  test('node-agent: running containers are adopted, not restarted', async () => {
    const before = await containerIds();
    for (const node of cluster().nodes) await node.agent.kill('SIGKILL');
    expect(await answers()).toBe(true);
    await Promise.all(cluster().nodes.map((n) => n.agent.start()));
    await newWork('after-agent');
    expect(await containerIds()).toEqual(before);
    const restarts = (await podsOf(cluster(), 'app=hello')).flatMap(
      (p) => p.status.containerStatuses?.map((c) => c.restartCount) ?? [],
    );
    expect(restarts).toEqual([0, 0, 0]);
  });

  test('proxy: rules stay, and are restored when somebody flushes them', async () => {
    const node = cluster().nodes[0];
    await node?.proxy.kill('SIGKILL');
    expect(await answers()).toBe(true);
    await node?.proxy.start();
    expect((await node?.exec('iptables', ['-t', 'nat', '-F']))?.code).toBe(0);
    await waitFor('the rules are back', answers);
  });
});

test('a leader that was stopped past its lease wakes up as a zombie and writes nothing', async () => {
  const leader = cluster().processes['controller-manager'];
  const lease = async (): Promise<{ holderIdentity: string; leaseDurationSeconds: number; renewTime: string }> =>
    JSON.parse(await cluster().get('lease', 'kube-controller-manager', '-n', 'kube-system', '-o', 'json')).spec;
  const held = await lease();
  leader.signal('SIGSTOP');
  await waitFor('the lease has run out', async () => {
    const { renewTime, leaseDurationSeconds } = await lease();
    return Date.now() - Date.parse(renewTime) > leaseDurationSeconds * 1000;
  });
  const taken = {
    holderIdentity: 'somebody-else',
    leaseDurationSeconds: 3600,
    renewTime: '2030-01-01T00:00:00.000000Z',
  };
  await cluster().kubectlOk([
    '-n',
    'kube-system',
    'patch',
    'lease',
    'kube-controller-manager',
    '--type=merge',
    '-p',
    JSON.stringify({ spec: taken }),
  ]);
  await cluster().kubectlOk(['scale', 'deployment/hello', '--replicas=5']);
  leader.signal('SIGCONT');
  await waitFor('the zombie ends', () => !leader.running);
  const rs = JSON.parse(await cluster().get('rs', '-l', 'app=hello', '-o', 'json'));
  expect(rs.items.map((r: { spec: { replicas: number } }) => r.spec.replicas)).toEqual([3]);
  expect(await lease()).toMatchObject({ holderIdentity: 'somebody-else' });
  expect(held.holderIdentity).not.toBe('somebody-else');
  await cluster().kubectlOk(['-n', 'kube-system', 'delete', 'lease', 'kube-controller-manager']);
  await leader.start();
  await waitFor('the new leader does the work', async () => (await podsOf(cluster(), 'app=hello')).length === 5);
  await cluster().kubectlOk(['scale', 'deployment/hello', '--replicas=3']);
});

test('pods of a node that was silent are Ready again when it speaks', async () => {
  const [first] = cluster().nodes;
  const patience = {
    tolerations: ['not-ready', 'unreachable'].map((k) => ({
      key: `node.kubernetes.io/${k}`,
      operator: 'Exists',
      effect: 'NoExecute',
    })),
  };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'patient' },
    spec: {
      ...patience,
      terminationGracePeriodSeconds: 1,
      nodeSelector: { 'kubernetes.io/hostname': first?.name },
      containers: [{ name: 'main', image: 'coxswain/busybox:1', imagePullPolicy: 'Never', command: ['sleep', '3600'] }],
    },
  };
  await cluster().kubectlOk(['apply', '-f', '-'], { input: JSON.stringify(pod) });
  await cluster().kubectlOk(['wait', '--for=condition=Ready', 'pod/patient', '--timeout=100s']);
  first?.agent.signal('SIGSTOP');
  await cluster().kubectlOk(['wait', '--for=condition=Ready=false', 'pod/patient', '--timeout=100s']);
  first?.agent.signal('SIGCONT');
  await cluster().kubectlOk(['wait', '--for=condition=Ready', 'pod/patient', '--timeout=100s']);
  await cluster().kubectlOk(['delete', 'pod', 'patient']);
});

test("a node's power cut moves its pods", async () => {
  const [first, second] = cluster().nodes;
  const patch = JSON.stringify({
    spec: {
      template: {
        spec: {
          tolerations: ['not-ready', 'unreachable'].map((k) => ({
            key: `node.kubernetes.io/${k}`,
            operator: 'Exists',
            effect: 'NoExecute',
            tolerationSeconds: 2,
          })),
        },
      },
    },
  });
  await cluster().kubectlOk(['patch', 'deployment', 'hello', '-p', patch]);
  await cluster().kubectlOk(['rollout', 'status', 'deployment/hello', '--timeout=100s']);
  await second?.powerOff();
  await waitFor(
    'the node is NotReady',
    async () => (await cluster().get('node', second?.name ?? '')).includes('NotReady'),
    { timeoutMs: 100_000 },
  );
  await waitFor(
    'three ready pods on the other node',
    async () => {
      const pods = await podsOf(cluster(), 'app=hello');
      return (
        pods.length === 3 &&
        pods.every((p) => p.spec.nodeName === first?.name && p.status.containerStatuses?.every((c) => c.ready))
      );
    },
    { timeoutMs: 120_000 },
  );
  await second?.powerOn();
  await waitFor(
    'the node is Ready again',
    async () => / Ready /.test(await cluster().get('node', second?.name ?? '')),
    { timeoutMs: 120_000 },
  );
}, 480_000);

interface OpenWatch {
  seen: string;
  ended: boolean;
}

/** A watch of the config maps on a connection of its own, through the balancer. */
function openWatch({ server, ca, cert, key }: Kubeconfig): OpenWatch {
  const watch: OpenWatch = { seen: '', ended: false };
  const end = (): void => {
    watch.ended = true;
  };
  const tls = { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}), agent: false as const };
  const sent = request(`${server}/api/v1/namespaces/default/configmaps?watch=true`, tls, (response) => {
    response.setEncoding('utf8').on('data', (text: string) => {
      watch.seen += text;
    });
    response.on('error', end).on('close', end);
  });
  sent.on('error', end).end();
  return watch;
}

test('an API server that is busy for some seconds keeps its connections; those of one that hangs are cut', async () => {
  const kubeconfig = await loadKubeconfig(cluster().kubeconfig);
  // They are spread over both API servers.
  const watches = Array.from({ length: 8 }, () => openWatch(kubeconfig));
  const told = async (name: string): Promise<void> => {
    await cluster().kubectlOk(['create', 'configmap', name]);
    await waitFor('who is not cut off is told', () => watches.every((w) => w.ended || w.seen.includes(`"${name}"`)));
  };
  const cut = (): number => watches.filter((w) => w.ended).length;
  await told('before');
  const stalling = cluster().processes.apiserver1;
  stalling.signal('SIGSTOP');
  await systemClock.sleep(9_000);
  stalling.signal('SIGCONT');
  await told('after');
  expect(cut()).toBe(0);
  stalling.signal('SIGSTOP');
  await waitFor('its connections are cut', () => cut() > 0);
  await told('without-it');
  expect(cut()).toBeLessThan(watches.length);
  stalling.signal('SIGCONT');
});
