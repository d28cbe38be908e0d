import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { podsOf } from './manifests.ts';

/** Folder of the volumes, on all nodes: the bed's machines share the disk. */
const folders = mkdtempSync(join(tmpdir(), 'coxswain-local-path-'));
afterAll(() => rmSync(folders, { recursive: true, force: true }));
const cluster = useCluster('e2e-workloads', {
  nodes: 2,
  apiservers: 1,
  flags: { 'controller-manager': ['--local-path-storage-class', 'local-path', '--local-path-dir', folders] },
});

const ok = (...args: string[]): Promise<string> => cluster().kubectlOk(args);
const apply = (input: string): Promise<string> => cluster().kubectlOk(['apply', '-f', '-'], { input });
const read = (kind: string, name: string, path: string): Promise<string> =>
  cluster().get(kind, name, '-o', `jsonpath={${path}}`);

/** A pod template of one container, as YAML on one line. */
const template = (app: string, command: string, o: { restart?: string; env?: string } = {}): string => `
  template:
    metadata: { labels: { app: ${app} } }
    spec:
      terminationGracePeriodSeconds: 1
      restartPolicy: ${o.restart ?? 'Always'}
      containers:
      - name: main
        image: coxswain/busybox:1
        imagePullPolicy: Never
        command: [sh, -c, ${JSON.stringify(command)}]
        env: [{ name: VERSION, value: '${o.env ?? '1'}' }]
`;
/** Waits until a pod that was deleted is there again under its name, and Ready. */
async function replaced(name: string, uid: string): Promise<void> {
  await waitFor(`another ${name}`, async () => (await read('pod', name, '.metadata.uid')) !== uid);
  await ok('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=100s');
}
const FOREVER = 'trap exit TERM; while true; do sleep 0.2; done';
const head = (apiVersion: string, kind: string, name: string): string =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: ${name} }\nspec:\n`;
const selector = (app: string): string => `  selector: { matchLabels: { app: ${app} } }\n`;
const envOf = (pod: string): Promise<string> =>
  ok('exec', pod, '--', 'sh', '-c', 'echo $VERSION').then((t) => t.trim());

describe('DaemonSet', () => {
  test('runs on every node, is rolled out and undone, and stays through a drain', async () => {
    const manifest = head('apps/v1', 'DaemonSet', 'agent') + selector('agent') + template('agent', FOREVER);
    await apply(manifest);
    await ok('rollout', 'status', 'ds/agent', '--timeout=100s');
    const first = await podsOf(cluster(), 'app=agent');
    expect(new Set(first.map((p) => p.spec.nodeName))).toEqual(new Set(cluster().nodes.map((n) => n.name)));
    await apply(manifest.replace("value: '1'", "value: '2'"));
    await ok('rollout', 'status', 'ds/agent', '--timeout=100s');
    const second = await podsOf(cluster(), 'app=agent');
    expect(await Promise.all(second.map((p) => envOf(p.metadata.name)))).toEqual(['2', '2']);
    expect(await ok('rollout', 'history', 'ds/agent')).toMatch(/REVISION[\s\S]*\n1 [\s\S]*\n2 /);
    await ok('rollout', 'undo', 'ds/agent');
    await ok('rollout', 'status', 'ds/agent', '--timeout=100s');
    const third = await podsOf(cluster(), 'app=agent');
    expect(await Promise.all(third.map((p) => envOf(p.metadata.name)))).toEqual(['1', '1']);
  });

  test('a drain waits for the disruption budget', async () => {
    const [node] = cluster().nodes;
    const name = node?.name ?? '';
    await apply(
      `${head('apps/v1', 'Deployment', 'guarded')}  replicas: 2\n${selector('guarded')}${template('guarded', FOREVER)}
      nodeSelector: { kubernetes.io/hostname: ${name} }\n---\n${head('policy/v1', 'PodDisruptionBudget', 'guarded')}  minAvailable: 2\n${selector('guarded')}`,
    );
    await ok('rollout', 'status', 'deploy/guarded', '--timeout=100s');
    await waitFor('counted', async () => (await read('pdb', 'guarded', '.status.currentHealthy')) === '2');
    const drain = ['drain', name, '--ignore-daemonsets', '--delete-emptydir-data'];
    // One that had no time to ask says nothing of the budget.
    const refused = await waitFor('a refusal', async () => {
      const r = await cluster().kubectl([...drain, '--timeout=2s']);
      return r.code === 0 || r.stderr.includes('Cannot evict') ? r : undefined;
    });
    expect([refused.code === 0, refused.stderr]).toEqual([
      false,
      expect.stringContaining("Cannot evict pod as it would violate the pod's disruption budget."),
    ]);
    await ok('delete', 'pdb', 'guarded');
    await waitFor(
      'gone from the caches',
      async () => (await cluster().kubectl([...drain, '--timeout=20s'])).code === 0,
      { timeoutMs: 120_000 },
    );
    const left = (await podsOf(cluster(), '')).filter((p) => p.spec.nodeName === name);
    expect(left.map((p) => p.metadata.name.replace(/-.*/, ''))).toEqual(['agent']);
    await ok('uncordon', name);
    await ok('delete', 'deploy/guarded', '--wait=false');
  });
});

describe('Job and CronJob', () => {
  test('indexed pods know their index, each is counted, and the outcome is shown', async () => {
    const spec = '  completions: 3\n  parallelism: 3\n  completionMode: Indexed\n  ttlSecondsAfterFinished: 600\n';
    const command = 'echo index $JOB_COMPLETION_INDEX on $HOSTNAME';
    await apply(head('batch/v1', 'Job', 'count') + spec + template('count', command, { restart: 'Never' }));
    await ok('wait', '--for=condition=complete', 'job/count', '--timeout=100s');
    expect(await ok('get', 'job', 'count', '--no-headers')).toMatch(/^count +Complete +3\/3 /);
    const logs = await ok('logs', '-l', 'job-name=count', '--tail=-1');
    expect(logs.trim().split('\n').sort()).toEqual([0, 1, 2].map((i) => `index ${i} on count-${i}`));
    expect(await read('job', 'count', '.status.completedIndexes')).toBe('0-2');
    await waitFor('its events', async () => {
      const told = await ok('describe', 'job', 'count');
      return told.includes('SuccessfulCreate') && told.includes('Completed');
    });
  });

  test('a job fails by policy at once, another at its deadline, and their pods end', async () => {
    const policy =
      '  podFailurePolicy: { rules: [{ action: FailJob, onExitCodes: { operator: In, values: [42] } }] }\n';
    await apply(head('batch/v1', 'Job', 'policy') + policy + template('policy', 'exit 42', { restart: 'Never' }));
    await apply(
      `${head('batch/v1', 'Job', 'late')}  activeDeadlineSeconds: 3\n${template('late', FOREVER, { restart: 'Never' })}`,
    );
    await ok('wait', '--for=condition=failed', 'job/policy', 'job/late', '--timeout=100s');
    const reason = (job: string) => read('job', job, '.status.conditions[?(@.type=="Failed")].reason');
    expect([await reason('policy'), await reason('late')]).toEqual(['PodFailurePolicy', 'DeadlineExceeded']);
    expect(await read('job', 'late', '.status.failed')).toBe('1');
    await waitFor('no pod runs', async () => (await cluster().get('pods', '-l', 'app=late', '-o', 'name')) === '');
    await ok('delete', 'job', 'policy', 'late');
  });

  test('a cron job runs when it is due, and once more by hand', async () => {
    const job = template('tick', 'date', { restart: 'OnFailure' }).replaceAll('\n', '\n    ');
    await apply(`${head('batch/v1', 'CronJob', 'tick')}  schedule: '@every 2s'\n  jobTemplate:\n    spec:\n    ${job}`);
    await waitFor('it succeeded', async () => (await read('cronjob', 'tick', '.status.lastSuccessfulTime')) !== '', {
      timeoutMs: 100_000,
    });
    await ok('patch', 'cronjob', 'tick', '-p', '{"spec":{"suspend":true}}');
    await ok('create', 'job', 'by-hand', '--from=cronjob/tick');
    await ok('wait', '--for=condition=complete', 'job/by-hand', '--timeout=100s');
    await ok('delete', 'cronjob', 'tick');
    await waitFor(
      'nothing is left of it',
      async () => (await cluster().get('jobs', '-l', 'app=tick', '-o', 'name')) === '',
    );
  });
});

test('StatefulSet: pods keep their names, find each other by them, and are replaced from above', async () => {
  const service = `${head('v1', 'Service', 'db')}  clusterIP: None\n  selector: { app: db }\n  ports: [{ port: 80 }]\n---\n`;
  const spec = '  serviceName: db\n  replicas: 2\n';
  const manifest = service + head('apps/v1', 'StatefulSet', 'db') + spec + selector('db') + template('db', FOREVER);
  await apply(manifest);
  await ok('rollout', 'status', 'sts/db', '--timeout=100s');
  expect(await ok('get', 'pods', '-l', 'app=db', '-o', 'name')).toBe('pod/db-0\npod/db-1\n');
  expect((await ok('exec', 'db-1', '--', 'hostname')).trim()).toBe('db-1');
  const address = await read('pod', 'db-0', '.status.podIP');
  await waitFor('the name of the other', async () =>
    (await ok('exec', 'db-1', '--', 'nslookup', 'db-0.db.default.svc.cluster.local')).includes(address),
  );
  const uid = await read('pod', 'db-0', '.metadata.uid');
  await ok('delete', 'pod', 'db-0');
  await replaced('db-0', uid);
  await apply(manifest.replace("value: '1'", "value: '2'"));
  await ok('rollout', 'status', 'sts/db', '--timeout=100s');
  expect([await envOf('db-0'), await envOf('db-1')]).toEqual(['2', '2']);
  await ok('scale', 'sts/db', '--replicas=1');
  await waitFor('one', async () => (await cluster().get('pods', '-l', 'app=db', '-o', 'name')) === 'pod/db-0\n');
  await ok('delete', 'sts/db', 'service/db');
});

describe('volumes on demand', () => {
  const claims =
    '  volumeClaimTemplates:\n  - metadata: { name: data }\n    spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }\n';
  const write = 'echo $HOSTNAME >>/data/names; ';
  const mounted = template('store', write + FOREVER).replace(
    '        env:',
    '        securityContext: { runAsUser: 1000 }\n        volumeMounts: [{ name: data, mountPath: /data }]\n        env:',
  );
  const folderOf = (claim: string): string | undefined =>
    readdirSync(folders).find((f) => f.endsWith(`_default_${claim}`));
  const written = (claim: string): string => readFileSync(join(folders, folderOf(claim) ?? '', 'names'), 'utf8');

  test('a StatefulSet has its volumes from the default class, each on the node of its pod, and finds them again', async () => {
    const shown = /^local-path \(default\) +local-path.coxswain.io +Delete +WaitForFirstConsumer +true/m;
    await waitFor('the class', async () => shown.test(await cluster().get('sc')));
    const spec = `  serviceName: store\n  replicas: 2\n  podManagementPolicy: Parallel\n${claims}`;
    await apply(head('apps/v1', 'StatefulSet', 'store') + spec + selector('store') + mounted);
    await ok('rollout', 'status', 'sts/store', '--timeout=100s');
    const node = await read('pod', 'store-0', '.spec.nodeName');
    const volume = await read('pvc', 'data-store-0', '.spec.volumeName');
    const affinity = '.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values[0]';
    expect(await read('pv', volume, affinity)).toBe(node);
    // A pod without a probe is Ready before it has written anything.
    await waitFor('written', () => written('data-store-0') === 'store-0\n');
    const uid = await read('pod', 'store-0', '.metadata.uid');
    await ok('delete', 'pod', 'store-0');
    await replaced('store-0', uid);
    expect(await read('pod', 'store-0', '.spec.nodeName')).toBe(node);
    await waitFor('written again', () => written('data-store-0') === 'store-0\nstore-0\n');
  });

  test('a claim can ask for more, but not of a class that does not let it', async () => {
    const grow = (size: string) => [
      'patch',
      'pvc',
      'data-store-0',
      '-p',
      `{"spec":{"resources":{"requests":{"storage":"${size}"}}}}`,
    ];
    await ok(...grow('5Mi'));
    await waitFor('it has', async () => (await read('pvc', 'data-store-0', '.status.capacity.storage')) === '5Mi');
    const volume = await read('pvc', 'data-store-0', '.spec.volumeName');
    expect(await read('pv', volume, '.spec.capacity.storage')).toBe('5Mi');
    await ok('patch', 'sc', 'local-path', '-p', '{"allowVolumeExpansion":false}');
    let size = 6;
    // More each time: what was let through by a server that had not heard of it is no growth any more.
    await waitFor('it is refused', async () =>
      (await cluster().kubectl(grow(`${size++}Mi`))).stderr.includes('must support resize'),
    );
  });

  test('when the claims go, so do the volumes and what was in them', async () => {
    await ok('delete', 'sts', 'store');
    await ok('delete', 'pvc', 'data-store-0', 'data-store-1', '--timeout=100s');
    await waitFor('the volumes are gone', async () => (await cluster().get('pv', '-o', 'name')) === '');
    expect(readdirSync(folders)).toEqual([]);
    const removers = async () => cluster().get('pods', '-n', 'kube-system', '-o', 'name');
    await waitFor('nobody is left who removed them', async () => !(await removers()).includes('remove-pvc'));
  });
});
