import { beforeAll, describe, expect, test } from 'vitest';
import type { Status } from '#api/meta/errors.ts';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type List, type Obj, Wire } from './http.ts';

const cluster = useCluster('integration-admission', { without: ['scheduler', 'controller-manager'] });
let wire: Wire;
let serial = 0;

/** A namespace with the account that pods need; nobody else makes it here. */
async function namespace(labels: Record<string, string> = {}): Promise<string> {
  const name = `admission-${++serial}`;
  await wire.ok('POST', '/api/v1/namespaces', { metadata: { name, labels } });
  await wire.ok('POST', `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: 'default' } });
  return name;
}
const in_ = (ns: string, plural: string): string => `/api/v1/namespaces/${ns}/${plural}`;
const pod = (name: string, spec: object = {}, container: object = {}) => ({
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'img:1', ...container }], ...spec },
});
interface PodObj extends Obj {
  spec: {
    priority?: number;
    priorityClassName?: string;
    preemptionPolicy?: string;
    containers: { resources: object }[];
  };
}
const CLASSES = '/apis/scheduling.k8s.io/v1/priorityclasses';

beforeAll(async () => {
  wire = await Wire.to(cluster());
});

describe('Priority', () => {
  test('the system classes are there from the start', async () => {
    const { value } = await wire.ok<Obj & { value: number }>('GET', `${CLASSES}/system-node-critical`);
    expect(value).toBe(2_000_001_000);
    const refused = await wire.fails('POST', CLASSES, { body: { metadata: { name: 'system-mine' }, value: 1 } });
    expect(refused).toMatchObject({ code: 422, reason: 'Invalid' });
  });

  test('pods get the number of their class, of the default class, or zero', async () => {
    const ns = await namespace();
    const create = (name: string, spec: object) => wire.ok<PodObj>('POST', in_(ns, 'pods'), pod(name, spec));
    expect((await create('plain', {})).spec).toMatchObject({ priority: 0, preemptionPolicy: 'PreemptLowerPriority' });
    await wire.ok('POST', CLASSES, { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' });
    expect((await create('high', { priorityClassName: 'high' })).spec).toMatchObject({
      priority: 1000,
      preemptionPolicy: 'Never',
    });
    expect((await create('critical', { priorityClassName: 'system-cluster-critical' })).spec.priority).toBe(2e9);
    await wire.ok('POST', CLASSES, { metadata: { name: 'usual' }, value: 7, globalDefault: true });
    await wire.settled();
    expect((await create('usual', {})).spec).toMatchObject({ priority: 7, priorityClassName: 'usual' });
    const second = { metadata: { name: 'usual-too' }, value: 8, globalDefault: true };
    expect((await wire.fails('POST', CLASSES, { body: second })).message).toContain(
      'PriorityClass usual is already marked as default. Only one default can exist',
    );
    await wire.ok('DELETE', `${CLASSES}/usual`);
  });

  test.each([
    ['an unknown class', { priorityClassName: 'none' }, 'no PriorityClass with name none was found'],
    ['a number of its own', { priority: 5 }, 'the integer value of priority (5) must not be provided in pod spec'],
    ['a policy of its own', { preemptionPolicy: 'Never' }, 'the string value of PreemptionPolicy (Never)'],
  ])('%s is refused', async (_name, spec, words) => {
    const ns = await namespace();
    const status = await wire.fails('POST', in_(ns, 'pods'), { body: pod('p', spec) });
    expect(status).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(status.message).toContain(words);
  });
});

describe('LimitRanger', () => {
  test('fills in defaults and says so', async () => {
    const ns = await namespace();
    await wire.ok('POST', in_(ns, 'limitranges'), {
      metadata: { name: 'l' },
      spec: {
        limits: [{ type: 'Container', default: { cpu: '500m' }, defaultRequest: { cpu: '100m', memory: '1Mi' } }],
      },
    });
    await wire.settled();
    const made = await wire.ok<PodObj>('POST', in_(ns, 'pods'), pod('p'));
    expect(made.spec.containers[0]?.resources).toEqual({
      requests: { cpu: '100m', memory: '1Mi' },
      limits: { cpu: '500m' },
    });
    expect(made.metadata.annotations?.['kubernetes.io/limit-ranger']).toBe(
      'LimitRanger plugin set: cpu, memory request for container c; cpu limit for container c',
    );
  });

  test('holds containers, pods and claims to their bounds', async () => {
    const ns = await namespace();
    await wire.ok('POST', in_(ns, 'limitranges'), {
      metadata: { name: 'l' },
      spec: {
        limits: [
          { type: 'Container', min: { cpu: '100m' }, max: { cpu: '1' }, maxLimitRequestRatio: { cpu: '2' } },
          { type: 'Pod', max: { memory: '1Gi' } },
          { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } },
        ],
      },
    });
    await wire.settled();
    const resources = (cpu: string, limit: string, memory: string) => ({
      resources: { requests: { cpu, memory }, limits: { cpu: limit, memory } },
    });
    const refusal = async (container: object) =>
      (await wire.fails('POST', in_(ns, 'pods'), { body: pod('p', {}, container) })).message;
    expect(await refusal(resources('50m', '100m', '1Mi'))).toBe(
      'pods "p" is forbidden: minimum cpu usage per Container is 100m, but request is 50m',
    );
    expect(await refusal(resources('1', '2', '1Mi'))).toContain('maximum cpu usage per Container is 1, but limit is 2');
    expect(await refusal(resources('100m', '900m', '1Mi'))).toContain('provided ratio is 9.000000');
    expect(await refusal(resources('100m', '100m', '2Gi'))).toContain(
      'maximum memory usage per Pod is 1Gi, but limit is 2Gi',
    );
    await wire.ok('POST', in_(ns, 'pods'), pod('p', {}, resources('500m', '1', '1Gi')));
    const claim = (storage: string) => ({
      metadata: { name: 'c' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
    });
    const small = await wire.fails('POST', in_(ns, 'persistentvolumeclaims'), { body: claim('1Mi') });
    expect(small.message).toContain('minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi');
    await wire.ok('POST', in_(ns, 'persistentvolumeclaims'), claim('1Gi'));
  });
});

describe('PodSecurity', () => {
  const good = {
    securityContext: {
      allowPrivilegeEscalation: false,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
  };

  test('restricted: every problem in one message, in the words of Kubernetes', async () => {
    const ns = await namespace({ 'pod-security.kubernetes.io/enforce': 'restricted' });
    expect((await wire.fails('POST', in_(ns, 'pods'), { body: pod('p') })).message).toBe(
      'pods "p" is forbidden: violates PodSecurity "restricted:latest": ' +
        'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ' +
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    );
    await wire.ok('POST', in_(ns, 'pods'), pod('good', {}, good));
    const out = await cluster().kubectl(['-n', ns, 'run', 'x', '--image=img:1']);
    expect(out.stderr).toContain('violates PodSecurity "restricted:latest"');
  });

  test.each<[string, object, object, string]>([
    ['host namespaces', { hostNetwork: true, hostPID: true }, {}, 'host namespaces (hostNetwork=true, hostPID=true)'],
    ['privileged', {}, { securityContext: { privileged: true } }, 'privileged (container "c" must not set'],
    [
      'capabilities',
      {},
      { securityContext: { capabilities: { add: ['NET_ADMIN', 'CHOWN'] } } },
      'non-default capabilities (container "c" must not include "NET_ADMIN" in securityContext.capabilities.add)',
    ],
    ['hostPath', { volumes: [{ name: 'v', hostPath: { path: '/x' } }] }, {}, 'hostPath volumes (volume "v")'],
    ['hostPort', {}, { ports: [{ containerPort: 1, hostPort: 80 }] }, 'hostPort (container "c" uses hostPort 80)'],
    [
      'sysctls',
      { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } },
      {},
      'forbidden sysctls (kernel.msgmax)',
    ],
    [
      'seccomp',
      { securityContext: { seccompProfile: { type: 'Unconfined' } } },
      {},
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
  ])('baseline refuses %s', async (_name, spec, container, words) => {
    const ns = await namespace({ 'pod-security.kubernetes.io/enforce': 'baseline' });
    const status = await wire.fails('POST', in_(ns, 'pods'), { body: pod('p', spec, container) });
    expect(status.message).toContain(`violates PodSecurity "baseline:latest": ${words}`);
    await wire.ok('POST', in_(ns, 'pods'), pod('p'));
  });

  test('a pod from before the rule may change, but gets no new image', async () => {
    const ns = await namespace();
    const path = `${in_(ns, 'pods')}/p`;
    await wire.ok('POST', in_(ns, 'pods'), pod('p'));
    const enforce = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await wire.ok('PATCH', `/api/v1/namespaces/${ns}`, { metadata: { labels: enforce } });
    await wire.settled();
    await wire.ok('PATCH', path, { metadata: { labels: { a: 'b' } } });
    const headers = { 'content-type': 'application/strategic-merge-patch+json' };
    const body = { spec: { containers: [{ name: 'c', image: 'img:2' }] } };
    const refused = await wire.fails('PATCH', path, { body, headers });
    expect(refused).toMatchObject({ code: 403, message: expect.stringContaining('violates PodSecurity "restricted') });
  });

  test('warns of templates, by the rules of the version that is named', async () => {
    const ns = await namespace({
      'pod-security.kubernetes.io/warn': 'restricted',
      'pod-security.kubernetes.io/warn-version': 'v1.7',
    });
    const out = await cluster().kubectl(['-n', ns, 'create', 'deployment', 'd', '--image=img:1']);
    expect(out.code).toBe(0);
    expect(out.stderr).toContain('Warning: would violate PodSecurity "restricted:v1.7": runAsNonRoot != true');
  });
});

describe('defaults of other kinds', () => {
  test('claims get the youngest default storage class, unless they want none', async () => {
    const ns = await namespace();
    const claim = (name: string, storageClassName?: string) => ({
      metadata: { name },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
        ...(storageClassName === undefined ? {} : { storageClassName }),
      },
    });
    const claims = in_(ns, 'persistentvolumeclaims');
    expect((await wire.ok('POST', claims, claim('before'))).spec).not.toHaveProperty('storageClassName');
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    const classes = '/apis/storage.k8s.io/v1/storageclasses';
    await wire.ok('POST', classes, { metadata: { name: 'disk', annotations }, provisioner: 'x.io/y' });
    await wire.settled();
    expect((await wire.ok('POST', claims, claim('after'))).spec).toMatchObject({ storageClassName: 'disk' });
    expect((await wire.ok('POST', claims, claim('none', ''))).spec).toMatchObject({ storageClassName: '' });
  });

  test('claims, and classes of attributes, are protected', async () => {
    const ns = await namespace();
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    const claim = await wire.ok('POST', in_(ns, 'persistentvolumeclaims'), { metadata: { name: 'c' }, spec });
    expect(claim.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
    const gold = { metadata: { name: 'gold' }, driverName: 'd.example.com', parameters: { iops: '1000' } };
    const made = await wire.ok('POST', '/apis/storage.k8s.io/v1beta1/volumeattributesclasses', gold);
    expect(made.metadata.finalizers).toEqual(['kubernetes.io/vac-protection']);
  });

  test('nodes start tainted', async () => {
    const node = await wire.ok('POST', '/api/v1/nodes', { metadata: { name: 'n' } });
    expect(node.spec).toEqual({ taints: [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }] });
  });
});

describe('ResourceQuota', () => {
  interface QuotaObj extends Obj {
    status: { hard: Record<string, string>; used: Record<string, string> };
  }
  const quota = async (ns: string, name: string, spec: object) => {
    await wire.ok('POST', in_(ns, 'resourcequotas'), { metadata: { name }, spec });
    await wire.settled();
  };
  const used = async (ns: string, name: string) =>
    (await wire.ok<QuotaObj>('GET', `${in_(ns, 'resourcequotas')}/${name}`)).status.used;

  test('two servers together admit no more than is allowed, and what goes away is given back', async () => {
    const ns = await namespace();
    await quota(ns, 'q', { hard: { pods: '5', 'count/configmaps': '1' } });
    const { apiservers } = cluster();
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, i) =>
        wire.ask<Status>('POST', in_(ns, 'pods'), { body: pod(`p${i}`), server: apiservers[i % 2] ?? '' }),
      ),
    );
    const refused = answers.filter((a) => a.code !== 201);
    expect(refused).toHaveLength(19);
    for (const { code, body } of refused) {
      expect(code).toBe(403);
      expect(body.message).toMatch(/exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5$/);
    }
    expect(await used(ns, 'q')).toEqual({ pods: '5', 'count/configmaps': '0' });
    const { items } = await wire.ok<List>('GET', in_(ns, 'pods'));
    expect(items).toHaveLength(5);
    const [first, second] = items.map((o) => o.metadata.name);
    await wire.ok('DELETE', `${in_(ns, 'pods')}/${first}`);
    await waitFor('given back', async () => (await used(ns, 'q')).pods === '4');
    await wire.ok('PATCH', `${in_(ns, 'pods')}/${second}/status`, { status: { phase: 'Succeeded' } });
    await waitFor('an ended pod counts no more', async () => (await used(ns, 'q')).pods === '3');
    await wire.ok('POST', `${in_(ns, 'pods')}?dryRun=All`, pod('dry'));
    expect((await used(ns, 'q')).pods).toBe('3');
    const invalid = await wire.fails('POST', in_(ns, 'pods'), { body: pod('bad', { restartPolicy: 'x' }) });
    expect(invalid.code).toBe(422);
    expect((await used(ns, 'q')).pods).toBe('3');
  });

  test('compute resources are added up, and must be named', async () => {
    const ns = await namespace();
    await quota(ns, 'compute', { hard: { 'requests.cpu': '1', 'limits.memory': '1Gi' } });
    const create = (name: string, requests: object, limits: object) =>
      wire.ask<Status>('POST', in_(ns, 'pods'), { body: pod(name, {}, { resources: { requests, limits } }) });
    expect((await wire.fails('POST', in_(ns, 'pods'), { body: pod('p') })).message).toBe(
      'pods "p" is forbidden: failed quota: compute: must specify limits.memory for: c; requests.cpu for: c',
    );
    expect((await create('a', { cpu: '600m' }, { memory: '512Mi' })).code).toBe(201);
    const { body } = await create('b', { cpu: '600m' }, { memory: '1Gi' });
    expect(body.message).toContain(
      'exceeded quota: compute, requested: limits.memory=1Gi,requests.cpu=600m, used: limits.memory=512Mi,requests.cpu=600m, limited: limits.memory=1Gi,requests.cpu=1',
    );
    expect(await cluster().kubectlOk(['-n', ns, 'describe', 'quota'])).toMatch(/requests\.cpu +600m +1/);
  });

  test('scopes choose pods; what was there before is counted; changes of a Service are', async () => {
    const ns = await namespace();
    await wire.ok('POST', in_(ns, 'pods'), pod('before', {}, { resources: { requests: { cpu: '1m' } } }));
    await wire.ok('POST', in_(ns, 'pods'), pod('effortless'));
    await quota(ns, 'best', { hard: { pods: '1' }, scopes: ['BestEffort'] });
    await quota(ns, 'ports', { hard: { 'services.nodeports': '1', services: '5' } });
    expect((await wire.fails('POST', in_(ns, 'pods'), { body: pod('more') })).message).toContain(
      'exceeded quota: best',
    );
    await wire.ok('POST', in_(ns, 'pods'), pod('burstable', {}, { resources: { requests: { cpu: '1m' } } }));
    const ports = {
      ports: [
        { name: 'a', port: 80 },
        { name: 'b', port: 81 },
      ],
    };
    await wire.ok('POST', in_(ns, 'services'), { metadata: { name: 's' }, spec: ports });
    const wider = await wire.fails('PATCH', `${in_(ns, 'services')}/s`, { body: { spec: { type: 'NodePort' } } });
    expect(wider.message).toContain('exceeded quota: ports, requested: services.nodeports=2');
    expect(await used(ns, 'ports')).toEqual({ services: '1', 'services.nodeports': '0' });
  });
});

describe('OwnerReferencesPermissionEnforcement', () => {
  test('blocking an owner needs the right to its finalizers, changing owners that to delete', async () => {
    const ns = await namespace();
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['create', 'update', 'patch', 'get'] }];
    const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${ns}`;
    await wire.ok('POST', `${roles}/roles`, { metadata: { name: 'r' }, rules });
    const subject = { kind: 'ServiceAccount', name: 'default', namespace: ns };
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' };
    await wire.ok('POST', `${roles}/rolebindings`, { metadata: { name: 'r' }, subjects: [subject], roleRef });
    await wire.settled();
    const token = await cluster().kubectlOk(['-n', ns, 'create', 'token', 'default']);
    const as = {
      anonymous: true,
      headers: { authorization: `Bearer ${token.trim()}`, 'content-type': 'application/json' },
    };
    const owner = await wire.ok('POST', in_(ns, 'configmaps'), { metadata: { name: 'owner' } });
    const ref = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid };
    const owned = (name: string, blockOwnerDeletion: boolean) => ({
      metadata: { name, ownerReferences: [{ ...ref, blockOwnerDeletion }] },
    });
    await wire.ok('POST', in_(ns, 'configmaps'), owned('free', false), as);
    const refused = await wire.fails('POST', in_(ns, 'configmaps'), { ...as, body: owned('blocking', true) });
    expect(refused.message).toContain(
      "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't",
    );
    await wire.ok('POST', in_(ns, 'configmaps'), { metadata: { name: 'late' } }, as);
    const update = await wire.fails('PUT', `${in_(ns, 'configmaps')}/late`, { ...as, body: owned('late', false) });
    expect(update.message).toContain("cannot set an ownerRef on a resource you can't delete");
  });
});
