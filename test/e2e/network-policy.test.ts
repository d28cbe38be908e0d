import { beforeAll, describe, expect, test } from 'vitest';
import { probe } from '../bed/net.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { manifest } from './manifests.ts';

const cluster = useCluster('e2e-network-policy', { nodes: 2, apiservers: 1 });
const kubectl = (...args: string[]) => cluster().kubectlOk(args);
const apply = (...documents: string[]) =>
  cluster().kubectlOk(['apply', '-f', '-'], { input: documents.join('\n---\n') });

/** Servers web (node 1) and db (node 2), clients near (node 1) and far (node 2), and one more in a namespace of its own. */
const SERVERS = ['web', 'db'] as const;
const CLIENTS = ['near', 'far', 'other'] as const;
type Client = (typeof CLIENTS)[number];
const inNamespace = (pod: string): string[] => (pod === 'other' ? ['-n', 'other'] : []);
const ips = new Map<string, string>();

/** One connection, given up after two seconds. */
const reach = async (client: Client | 'web' | 'db', server: string, port = 8080): Promise<boolean> => {
  const url = `http://${ips.get(server) ?? server}:${port}/cgi-bin/whoami`;
  const exec = ['exec', ...inNamespace(client), client, '--', 'timeout', '2', 'wget', '-qO-', url];
  return (await cluster().kubectl(exec)).code === 0;
};

/** Who reaches whom in so many seconds, as "near>web far>db". One command for each client asks all servers at once. */
async function reachable(patience: number): Promise<string> {
  const asks = SERVERS.map(
    (s) => `(timeout ${patience} wget -qO- http://${ips.get(s)}:8080/cgi-bin/whoami >/dev/null && echo ${s}) &`,
  );
  const found = await Promise.all(
    CLIENTS.map(async (c) => {
      const { stdout } = await cluster().kubectl([
        'exec',
        ...inNamespace(c),
        c,
        '--',
        'sh',
        '-c',
        `${asks.join(' ')} wait`,
      ]);
      return SERVERS.filter((s) => stdout.includes(s)).map((s) => `${c}>${s}`);
    }),
  );
  return found.flat().sort().join(' ');
}
const ALL = 'far>db far>web near>db near>web other>db other>web';

const policy = (name: string, spec: object): string =>
  JSON.stringify({ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name }, spec });
const select = (app: string) => ({ podSelector: { matchLabels: { app } } });

/** Rules are in force soon, and stay. */
async function expectReachable(expected: string): Promise<void> {
  // What is refused takes all the time it is given: more than a second only on a machine that is that slow.
  let patience = 0;
  await waitFor(
    expected || 'nothing',
    async () => {
      patience = Math.min(patience + 1, 8);
      return (await reachable(patience)) === expected;
    },
    { everyMs: 50 },
  );
}

beforeAll(async () => {
  const [one = '', two = ''] = cluster().nodes.map((n) => n.name);
  await kubectl('create', 'namespace', 'other');
  await kubectl('label', 'namespace', 'other', 'team=other');
  await waitFor('the service account', () => cluster().get('serviceaccount', 'default', '-n', 'other'));
  await apply(
    manifest.whoami('web', { node: one, labels: { app: 'web' } }),
    manifest.whoami('db', { node: two, labels: { app: 'db' } }),
    manifest.sleeper('near', one),
    manifest.sleeper('far', two),
  );
  await cluster().kubectlOk(['-n', 'other', 'apply', '-f', '-'], { input: manifest.sleeper('other', two) });
  for (const p of ['near', 'far']) await kubectl('label', 'pod', p, `app=${p}`, '--overwrite');
  for (const ns of ['default', 'other'])
    await kubectl('-n', ns, 'wait', '--for=condition=Ready', 'pods', '--all', '--timeout=110s');
  for (const p of [...SERVERS, ...CLIENTS]) {
    ips.set(p, await cluster().get('pod', p, ...inNamespace(p), '-o', 'jsonpath={.status.podIP}'));
  }
});

describe('policies', () => {
  const ingress = (...rules: object[]) => ({ ...select('web'), policyTypes: ['Ingress'], ingress: rules });
  const egress = (app: string, ...rules: object[]) => ({ ...select(app), policyTypes: ['Egress'], egress: rules });
  const withoutWeb = 'far>db near>db other>db';
  test.each<[string, () => object, string]>([
    ['default deny of one pod', () => ingress(), withoutWeb],
    ['of all pods of the namespace', () => ({ podSelector: {}, policyTypes: ['Ingress'] }), ''],
    ['everyone', () => ingress({}), ALL],
    ['a pod of the namespace', () => ingress({ from: [select('far')] }), `far>db far>web near>db other>db`],
    [
      'another namespace',
      () => ingress({ from: [{ namespaceSelector: { matchLabels: { team: 'other' } } }] }),
      `${withoutWeb} other>web`,
    ],
    [
      'a pod of no such namespace',
      () => ingress({ from: [{ namespaceSelector: { matchLabels: { team: 'x' } }, ...select('far') }] }),
      withoutWeb,
    ],
    [
      'a network',
      () => ingress({ from: [{ ipBlock: { cidr: `${ips.get('near')}/32` } }] }),
      `far>db near>db near>web other>db`,
    ],
    [
      'a network less one address',
      () => ingress({ from: [{ ipBlock: { cidr: '10.244.0.0/16', except: [`${ips.get('near')}/32`] } }] }),
      'far>db far>web near>db other>db other>web',
    ],
    ['the right port', () => ingress({ ports: [{ port: 8080 }] }), ALL],
    ['another port', () => ingress({ ports: [{ port: 8081 }] }), withoutWeb],
    ['a range of ports', () => ingress({ ports: [{ port: 8000, endPort: 8090 }] }), ALL],
    ['a named port', () => ingress({ ports: [{ port: 'http' }] }), ALL],
    ['egress: default deny', () => egress('near'), 'far>db far>web other>db other>web'],
    ['egress: to a pod', () => egress('near', { to: [select('db')] }), 'far>db far>web near>db other>db other>web'],
    [
      'egress: to a named port of a pod',
      () => egress('far', { to: [select('web')], ports: [{ port: 'http' }] }),
      'far>web near>db near>web other>db other>web',
    ],
    [
      'egress: to a network',
      () => egress('far', { to: [{ ipBlock: { cidr: `${ips.get('db')}/32` } }] }),
      'far>db near>db near>web other>db other>web',
    ],
  ])('%s', async (_, spec, expected) => {
    // What opens everything must be seen to open something.
    if (expected === ALL) {
      await apply(policy('base', ingress()));
      await expectReachable(withoutWeb);
    }
    await apply(policy('p', spec()));
    await expectReachable(expected.split(' ').sort().join(' '));
    await kubectl('delete', 'networkpolicy', 'p', 'base', '--ignore-not-found');
  });
});

test('two policies add up, and follow labels of pods', async () => {
  await apply(
    policy('deny', { podSelector: {}, policyTypes: ['Ingress'] }),
    policy('allow', { ...select('web'), ingress: [{ from: [{ podSelector: { matchLabels: { role: 'friend' } } }] }] }),
  );
  await expectReachable('');
  await kubectl('label', 'pod', 'far', 'role=friend');
  await expectReachable('far>web');
  await kubectl('label', 'pod', 'far', 'role-');
  await expectReachable('');
  await kubectl('delete', 'networkpolicy', '--all');
  await expectReachable(ALL);
});

test('probes pass, Services are judged by their pods, a pod reaches itself through its own', async () => {
  await apply(
    policy('deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
    }),
  );
  await expectReachable('');
  const ip = await cluster().get('service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  expect(await reach('other', ip, 80)).toBe(false);
  await waitFor('the pod itself', () => reach('web', ip, 80));
  // The node's own traffic is not limited: its probes keep the pod ready.
  const curl = ['-sm5', `http://${ips.get('web')}:8080/cgi-bin/whoami`];
  await waitFor('the node', async () => (await cluster().nodes[0]?.exec('curl', curl))?.stdout.includes('web'));
  expect(await cluster().get('pod', 'web', '-o', 'jsonpath={.status.containerStatuses[0].ready}')).toBe('true');
  await kubectl('delete', 'networkpolicy', '--all');
  await waitFor('the Service answers', () => reach('other', ip, 80));
});

test('a new pod is limited from its first packet on', async () => {
  const [one] = cluster().nodes;
  const apps = [{ key: 'app', operator: 'In', values: ['sleeper', 'near'] }];
  await apply(policy('deny', { podSelector: { matchExpressions: apps }, policyTypes: ['Egress'] }));
  // The agent knows of it: what it does not know it cannot write before the pod starts.
  await expectReachable('far>db far>web other>db other>web');
  // It tries at once, without pause, and tells of the first success.
  const eager = manifest
    .sleeper('eager', one?.name)
    .replace(
      "command: [sleep, '3600']",
      `command: [sh, -c, 'for i in 1 2 3 4 5 6; do timeout 1 wget -qO- http://${ips.get('db')}:8080/cgi-bin/whoami && echo REACHED; done; echo DONE; sleep 3600']`,
    );
  await apply(eager);
  const logs = await waitFor('all tries', async () => {
    const { stdout } = await cluster().kubectl(['logs', 'eager']);
    return stdout.includes('DONE') && stdout;
  });
  expect(logs).not.toContain('REACHED');
  await kubectl('delete', 'networkpolicy', '--all');
  await waitFor(
    'it reaches the other pod',
    async () =>
      (
        await cluster().kubectl([
          'exec',
          'eager',
          '--',
          'timeout',
          '5',
          'wget',
          '-qO-',
          `http://${ips.get('db')}:8080/cgi-bin/whoami`,
        ])
      ).code === 0,
  );
});

test('rules come back after a flush and survive a restart of the agent; none are left without policies', async () => {
  const [, node] = cluster().nodes;
  if (!node) throw new Error('no second node');
  const table = () => node.exec('nft', ['list', 'table', 'inet', 'coxswain-policy']);
  await apply(policy('deny', { ...select('db'), policyTypes: ['Ingress'] }));
  await expectReachable('far>web near>web other>web');
  await node.exec('nft', ['delete', 'table', 'inet', 'coxswain-policy']);
  await waitFor('the table is back', async () => (await table()).code === 0);
  expect(await reach('near', 'db')).toBe(false);
  await node.agent.kill('SIGKILL');
  expect(await reach('near', 'db')).toBe(false);
  await node.agent.start();
  expect(await reach('near', 'db')).toBe(false);
  await kubectl('delete', 'networkpolicy', 'deny');
  await waitFor('no table', async () => (await table()).code !== 0);
  await expectReachable(ALL);
  expect(await waitFor('the agent', () => probe(`http://${node.address}:10248/healthz`))).toBe('ok');
});
