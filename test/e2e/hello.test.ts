import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kubectls } from '../bed/kubectls.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { HELLO, manifest, podsOf } from './manifests.ts';

const cluster = useCluster('e2e-hello', { nodes: 3 });

/** GET with a short timeout; the body, or an error. */
function get(url: string, timeoutMs = 2000): Promise<string> {
  return new Promise((resolve, reject) => {
    const r = request(url, { agent: false, timeout: timeoutMs }, (response) => {
      let text = '';
      response.on('data', (c: Buffer) => {
        text += c.toString();
      });
      response.on('end', () =>
        response.statusCode === 200 ? resolve(text) : reject(new Error(`HTTP ${response.statusCode}`)),
      );
      response.on('error', reject);
    });
    r.on('timeout', () => r.destroy(new Error('timed out')));
    r.on('error', reject);
    r.end();
  });
}

/** Requests without pause until `stop`; every failure is kept. */
function constantLoad(url: string): { stop(): Promise<{ sent: number; failures: string[] }> } {
  const failures: string[] = [];
  let sent = 0;
  let running = true;
  const lane = async (): Promise<void> => {
    while (running) {
      sent++;
      // A machine in a hurry answers late; what is dropped or refused shows all the same.
      await get(url, 20_000).catch((e: Error) => failures.push(e.message));
    }
  };
  const lanes = [lane(), lane()];
  return {
    async stop() {
      running = false;
      await Promise.all(lanes);
      return { sent, failures };
    },
  };
}

const nodePort = (node = 0): string => `http://${cluster().nodes[node]?.address}:30080/`;
const rollout = (): Promise<string> => cluster().kubectlOk(['rollout', 'status', 'deployment/hello', '--timeout=100s']);

beforeAll(async () => {
  await cluster().kubectlOk(['apply', '-f', '-'], { input: HELLO });
  await rollout();
});

test('three nodes are Ready, each with its own pod network', async () => {
  const { items } = JSON.parse(await cluster().kubectlOk(['get', 'nodes', '-o', 'json']));
  const cidrs = items.map((n: { spec: { podCIDR: string } }) => n.spec.podCIDR);
  expect(new Set(cidrs).size).toBe(3);
  expect(await cluster().kubectlOk(['get', 'nodes', '--no-headers'])).toMatch(/^(\S+ +Ready .*\n){3}$/);
});

describe('the hello workload', () => {
  test('runs on more than one node, with endpoints', async () => {
    const pods = await podsOf(cluster(), 'app=hello');
    expect(pods).toHaveLength(3);
    expect(new Set(pods.map((p) => p.spec.nodeName)).size).toBeGreaterThan(1);
    await waitFor('three endpoints', async () => {
      const endpoints = JSON.parse(await cluster().get('endpoints', 'hello', '-o', 'json'));
      return endpoints.subsets[0].addresses.length === 3;
    });
  });

  test('answers on its ClusterIP from a pod on every node, source address kept, and through itself', async () => {
    const ip = await cluster().kubectlOk(['get', 'svc', 'hello', '-o', 'jsonpath={.spec.clusterIP}']);
    for (const node of cluster().nodes) {
      const name = `client-${node.name}`;
      await cluster().kubectlOk(['apply', '-f', '-'], { input: manifest.sleeper(name, node.name) });
      await cluster().kubectlOk(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=100s']);
      const answers = new Set<string>();
      await waitFor(
        'answers from all pods',
        async () => {
          answers.add(await cluster().kubectlOk(['exec', name, '--', 'wget', '-qO-', `http://${ip}/`]));
          return answers.size === 3;
        },
        { timeoutMs: 120_000 },
      );
    }
    // Hairpin: a pod of the service reaches itself through the service.
    const pods = await podsOf(cluster(), 'app=hello');
    expect(pods.every((p) => p.status.podIP.startsWith('10.244.'))).toBe(true);
  });

  test('answers on its NodePort on every node from outside, balanced', async () => {
    for (const node of cluster().nodes) {
      const seen = new Set<string>();
      await waitFor(`every pod answers through ${node.name}`, async () => {
        seen.add(await get(`http://${node.address}:30080/`));
        return seen.size === 3;
      });
    }
  });

  test('apply twice changes nothing, a change is patched, a watch streams', async () => {
    expect(await cluster().kubectlOk(['apply', '-f', '-'], { input: HELLO })).toBe(
      'deployment.apps/hello unchanged\nservice/hello unchanged\n',
    );
    const changed = HELLO.replace('replicas: 3', 'replicas: 4');
    expect(await cluster().kubectlOk(['apply', '-f', '-'], { input: changed })).toContain(
      'deployment.apps/hello configured',
    );
    await rollout();
    expect(await podsOf(cluster(), 'app=hello')).toHaveLength(4);
  });

  test('scales down and up', async () => {
    for (const n of [1, 3]) {
      await cluster().kubectlOk(['scale', 'deployment/hello', `--replicas=${n}`]);
      await waitFor(`${n} pods`, async () => (await podsOf(cluster(), 'app=hello')).length === n);
      await rollout();
    }
  });

  test('a rolling update and its rollback fail no request', async () => {
    const load = constantLoad(nodePort());
    await cluster().kubectlOk(['set', 'env', 'deployment/hello', 'MESSAGE=second']);
    await rollout();
    await waitFor('the new version answers', async () => (await get(nodePort())).startsWith('second'));
    await cluster().kubectlOk(['rollout', 'undo', 'deployment/hello']);
    await rollout();
    await waitFor('the old version answers', async () => (await get(nodePort())).startsWith('hello'));
    const { sent, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(sent).toBeGreaterThan(50);
    expect(await cluster().kubectlOk(['rollout', 'history', 'deployment/hello'])).toMatch(/\n3 /);
  });

  test.each(kubectls())('logs and exec with %s', async (kubectl) => {
    const [pod] = await podsOf(cluster(), 'app=hello');
    const run = (args: string[], input?: string) =>
      cluster().kubectl(args, { ...(input === undefined ? {} : { input }), program: kubectl });
    expect((await run(['logs', pod?.metadata.name ?? ''])).stdout).toContain('listening on port 8080');
    const name = `client-${cluster().nodes[0]?.name}`;
    const exec = await run(['exec', '-i', name, '--', 'sh', '-c', 'cat; echo err >&2; exit 7'], 'through stdin\n');
    expect(exec).toMatchObject({ code: 7, stdout: 'through stdin\n' });
    expect(exec.stderr).toContain('err\n');
  });
});

test('deleting a namespace leaves nothing on any node', async () => {
  await cluster().kubectlOk(['create', 'namespace', 'gone']);
  const inside = HELLO.replace('nodePort: 30080', 'nodePort: 30081');
  await waitFor('the service account', () => cluster().get('serviceaccount', 'default', '-n', 'gone'));
  await cluster().kubectlOk(['-n', 'gone', 'apply', '-f', '-'], { input: inside });
  await cluster().kubectlOk(['-n', 'gone', 'rollout', 'status', 'deployment/hello', '--timeout=100s']);
  await cluster().kubectlOk(['delete', 'namespace', 'gone', '--timeout=120s'], { timeoutMs: 130_000 });
  for (const node of cluster().nodes) {
    const left = await node.exec('docker', [
      '-H',
      node.dockerHost,
      'ps',
      '-aq',
      '--filter',
      'label=io.coxswain.pod.namespace=gone',
    ]);
    expect(left.stdout).toBe('');
  }
  const all = await cluster().kubectl([
    '-n',
    'gone',
    'get',
    'pods,services,deployments,replicasets,configmaps,secrets,serviceaccounts',
  ]);
  expect(all.stdout).toBe('');
});

afterAll(async () => {
  await cluster().kubectl(['delete', '-f', '-', '--ignore-not-found'], { input: HELLO });
});
