import { expect, test } from 'vitest';
import type { Kind } from '../kind.ts';
import type { KubeObject } from '../meta/objectmeta.ts';
import { DaemonSets } from './apps/daemonset.ts';
import { Deployments } from './apps/deployment.ts';
import { ReplicaSets } from './apps/replicaset.ts';
import { StatefulSets } from './apps/statefulset.ts';
import { HorizontalPodAutoscalers } from './autoscaling/horizontalpodautoscaler.ts';
import { CronJobs } from './batch/cronjob.ts';
import { Jobs } from './batch/job.ts';
import { Leases } from './coordination/lease.ts';
import { Nodes } from './core/node/node.ts';
import { dropDisabled } from './core/pod/disabled-fields.ts';
import { Pods } from './core/pod/pod.ts';
import { PodTemplates } from './core/pod/pod-template.ts';
import type { PodSpec } from './core/pod/spec.ts';
import { ReplicationControllers } from './core/replicationcontroller.ts';
import { EndpointSlices } from './discovery/endpointslice.ts';
import { created, set, updated } from './fixtures.ts';
import { CSIDrivers } from './storage/csidriver.ts';
import { VolumeAttachments } from './storage/volumeattachment.ts';

const container = { name: 'c', image: 'i', volumeMounts: [{ name: 'v', mountPath: '/v' }], lifecycle: { preStop: {} } };
const volumes = [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }];
const plain: PodSpec = { containers: [container], initContainers: [{ ...container, name: 'i' }], volumes };
const bundle = { clusterTrustBundle: { path: 'p', name: 'n' } };

const using: readonly [feature: string, path: string, value: unknown, left?: PodSpec][] = [
  ['dynamic resources', 'resourceClaims', [{ name: 'r', resourceClaimName: 'x' }]],
  ['claims of containers', 'initContainers[0].resources', { claims: [{ name: 'r' }] }],
  ['resources of the pod', 'resources', { limits: { cpu: '1' } }],
  ['signals', 'initContainers[0].lifecycle.stopSignal', 'SIGUSR1'],
  ['trust bundles', 'volumes[0].projected.sources[1]', bundle],
];

const isEmpty = (v: unknown): boolean => typeof v === 'object' && v !== null && Object.keys(v).length === 0;

/** The spec as JSON, without what is empty. */
const told = (spec: PodSpec): unknown =>
  JSON.parse(JSON.stringify(spec), (_k, v) => {
    if (Array.isArray(v)) return v.filter((x) => x !== undefined);
    return isEmpty(v) ? undefined : v;
  });

test.each(using)('%s are not taken by a new pod, nor by one that had none', (_feature, path, value) => {
  for (const old of [undefined, plain]) {
    const spec = structuredClone(plain);
    set(spec, path, structuredClone(value));
    dropDisabled(spec, old);
    expect(told(spec)).toEqual(told(plain));
  }
});

test.each(using)('%s stay where they are', (_feature, path, value) => {
  const spec = structuredClone(plain);
  set(spec, path, structuredClone(value));
  const now = structuredClone(spec);
  dropDisabled(now, spec);
  expect(now).toEqual(spec);
});

test('a volume of an image goes with its mounts, and a hook for a signal alone goes as a whole', () => {
  const spec = structuredClone(plain);
  set(spec, 'volumes[1]', { name: 'w', image: { reference: 'x' } });
  set(spec, 'containers[0].volumeMounts[1]', { name: 'w', mountPath: '/w' });
  set(spec, 'containers[0].lifecycle', { stopSignal: 'SIGUSR1' });
  dropDisabled(spec);
  const { lifecycle: _gone, ...rest } = container;
  expect(spec).toEqual({ ...plain, containers: [rest] });
});

test.each<[Kind, string]>([
  [Pods as never, 'spec'],
  [PodTemplates as never, 'template.spec'],
  [ReplicationControllers as never, 'spec.template.spec'],
  [Deployments as never, 'spec.template.spec'],
  [ReplicaSets as never, 'spec.template.spec'],
  [StatefulSets as never, 'spec.template.spec'],
  [DaemonSets as never, 'spec.template.spec'],
  [Jobs as never, 'spec.template.spec'],
  [CronJobs as never, 'spec.jobTemplate.spec.template.spec'],
])('$kind: on creation and on update', (kind, path) => {
  const metadata = { name: 'x', namespace: 'default', uid: 'u' };
  const object = { metadata };
  set(object, path, plain);
  const spoil = (o: object) => set(o, `${path}.resources`, { limits: { cpu: '1' } });
  const want = created(kind, object).object;
  const spoiled = structuredClone(object);
  spoil(spoiled);
  expect(created(kind, spoiled).object).toEqual(want);
  expect(JSON.stringify(updated(kind, want, spoil).object)).not.toContain('"limits"');
});

test.each<[string, Kind, object, string, unknown]>([
  ['an election', Leases as never, { spec: {} }, 'spec.strategy', 'OldestEmulationVersion'],
  ['a wish in an election', Leases as never, { spec: {} }, 'spec.preferredHolder', 'me'],
  [
    'hints for nodes',
    EndpointSlices as never,
    { endpoints: [{ hints: {} }] },
    'endpoints[0].hints.forNodes',
    [{ name: 'n' }],
  ],
  ['a limit that changes', CSIDrivers as never, { spec: {} }, 'spec.nodeAllocatableUpdatePeriodSeconds', 10],
  [
    'a tolerance',
    HorizontalPodAutoscalers as never,
    { spec: { behavior: { scaleUp: { policies: [] } } } },
    'spec.behavior.scaleUp.tolerance',
    '0.1',
  ],
  ['a configuration by object', Nodes as never, { spec: {} }, 'spec.configSource', { configMap: {} }],
])('%s is not taken, unless it is there', (_what, kind, good, path, value) => {
  const want = created(kind, good).object;
  const asking = structuredClone(good);
  set(asking, path, value);
  expect(created(kind, asking).object).toEqual(want);
  const ask = (o: object) => set(o, path, value);
  expect(updated(kind, want, ask).object).toEqual(want);
  const old = structuredClone(want) as KubeObject;
  ask(old);
  expect(updated(kind, old, () => {}).object).toEqual(old);
});

test.each<[string, Kind, object, string, unknown]>([
  ['pods that are being ended', Deployments as never, {}, 'terminatingReplicas', 1],
  ['pods of a set that are being ended', ReplicaSets as never, { replicas: 1 }, 'terminatingReplicas', 1],
  ['the code of an error', VolumeAttachments as never, { attachError: { message: 'm' } }, 'attachError.errorCode', 5],
  ['the code of another error', VolumeAttachments as never, { detachError: {} }, 'detachError.errorCode', 5],
  ['a configuration in use', Nodes as never, {}, 'config', { error: 'e' }],
])('of what is known, %s are not taken, unless they are there', (_what, kind, status, path, value) => {
  const old = { metadata: {}, status } as KubeObject;
  const next = structuredClone(old);
  set(next, `status.${path}`, value);
  const asked = structuredClone(next);
  kind.prepareStatus?.(next, old);
  expect(next).toEqual(old);
  kind.prepareStatus?.(asked, structuredClone(asked));
  expect(asked).not.toEqual(old);
});

test('claims of a pod are known if it makes some, the health of its devices never; what is shared is not touched', () => {
  const ready = { name: 'c', ready: true, restartCount: 0, image: 'i', imageID: '' };
  const health = { allocatedResourcesStatus: [{ name: 'x.io/gpu', resources: [] }] };
  const claims = { resourceClaimStatuses: [{ name: 'r', resourceClaimName: 'x' }] };
  const status = { containerStatuses: [{ ...ready, ...health }], initContainerStatuses: [{ ...ready, ...health }] };
  const prepared = (spec: PodSpec): unknown => {
    const pod = { metadata: {}, spec, status: Object.freeze({ ...status, ...claims }) };
    Pods.prepareStatus?.(pod, { metadata: {}, spec });
    return pod.status;
  };
  const plainly = { containerStatuses: [ready], initContainerStatuses: [ready] };
  expect(prepared(plain)).toEqual(plainly);
  expect(prepared({ ...plain, resourceClaims: [{ name: 'r' }] })).toEqual({ ...plainly, ...claims });
  expect(status.containerStatuses[0]).toHaveProperty('allocatedResourcesStatus');
});
