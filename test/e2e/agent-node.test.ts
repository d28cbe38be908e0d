import { expect, test } from 'vitest';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';

const cluster = useCluster('e2e-agent-node', {
  nodes: 1,
  apiservers: 1,
  flags: {
    'node-agent': ['--node-lease-duration', '8'],
    'controller-manager': ['--node-monitor-grace-period', '4s'],
  },
});

const node = () => cluster().nodes[0] as NonNullable<ReturnType<typeof cluster>['nodes'][0]>;
const ready = (): Promise<string> =>
  cluster().kubectlOk([
    'get',
    'node',
    node().name,
    '-o',
    'jsonpath={.status.conditions[?(@.type=="Ready")].status}{.spec.taints[*].key}',
  ]);

test('a node back from a network cut is Ready in less than 3 s', async () => {
  const rule = ['OUTPUT', '-d', `${node().address.replace(/\d+$/, '1')}`, '-j', 'DROP'];
  await node().exec('iptables', ['-I', ...rule]);
  await waitFor('the node is unreachable', async () => (await ready()).startsWith('Unknown'));
  await node().exec('iptables', ['-D', ...rule]);
  const since = Date.now();
  await waitFor('the node is Ready', async () => (await ready()).startsWith('True'), { everyMs: 50 });
  expect(Date.now() - since).toBeLessThan(3000);
});
