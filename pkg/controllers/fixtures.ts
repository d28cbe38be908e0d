import type { Deployment, Pod, ReplicaSet, Service } from '#api/kinds/index.ts';
import type { ObjectMeta, Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';

/** Objects for table tests. Times are relative to this moment. */
export const NOW = Date.parse('2026-01-01T12:00:00Z');
export const ago = (seconds: number): string => apiTime(NOW - seconds * 1000);

let serial = 0;
function meta(name: string, more: Partial<ObjectMeta> = {}) {
  serial++;
  return { namespace: 'ns', name, uid: name, resourceVersion: String(serial), creationTimestamp: ago(3600), ...more };
}

export interface PodSketch {
  readonly name?: string;
  readonly node?: string;
  readonly phase?: string;
  /** Seconds it has been ready. */
  readonly ready?: number;
  readonly age?: number;
  readonly restarts?: number;
  readonly cost?: string;
  readonly ip?: string;
  readonly deleting?: boolean;
  readonly labels?: Record<string, string>;
  readonly ports?: Record<string, number>;
  readonly hostname?: string;
  readonly subdomain?: string;
  readonly tolerations?: NonNullable<Pod['spec']>['tolerations'];
}

export function pod(s: PodSketch = {}): Stored<Pod> {
  const ready = s.ready === undefined ? [] : [{ type: 'Ready', status: 'True', lastTransitionTime: ago(s.ready) }];
  return {
    metadata: meta(s.name ?? 'p', {
      ...(s.age === undefined ? {} : { creationTimestamp: ago(s.age) }),
      ...(s.cost === undefined ? {} : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': s.cost } }),
      ...(s.deleting ? { deletionTimestamp: ago(0) } : {}),
      labels: s.labels ?? {},
    }),
    spec: {
      ...(s.node ? { nodeName: s.node } : {}),
      ...(s.hostname ? { hostname: s.hostname } : {}),
      ...(s.subdomain ? { subdomain: s.subdomain } : {}),
      ...(s.tolerations ? { tolerations: s.tolerations } : {}),
      containers: [
        { name: 'c', ports: Object.entries(s.ports ?? {}).map(([name, containerPort]) => ({ name, containerPort })) },
      ],
    },
    status: {
      phase: s.phase ?? 'Running',
      conditions: ready,
      ...(s.ip ? { podIP: s.ip } : {}),
      ...(s.restarts ? { containerStatuses: [{ name: 'c', restartCount: s.restarts }] } : {}),
    },
  } as unknown as Stored<Pod>;
}

export interface SetSketch {
  readonly name?: string;
  readonly replicas: number;
  readonly available?: number;
  readonly ready?: number;
  /** Pods its status counts; default: as many as asked for. */
  readonly pods?: number;
  readonly age?: number;
  readonly image?: string;
  readonly annotations?: Record<string, string>;
}

export function replicaSet(s: SetSketch): Stored<ReplicaSet> {
  const available = s.available ?? s.replicas;
  return {
    metadata: meta(s.name ?? 'rs', {
      ...(s.age === undefined ? {} : { creationTimestamp: ago(s.age) }),
      annotations: s.annotations ?? {},
      generation: 1,
    }),
    spec: { replicas: s.replicas, selector: {}, template: template(s.image ?? 'a', { 'pod-template-hash': 'x' }) },
    status: {
      replicas: s.pods ?? s.replicas,
      readyReplicas: s.ready ?? available,
      availableReplicas: available,
      observedGeneration: 1,
    },
  } as unknown as Stored<ReplicaSet>;
}

const template = (image: string, labels: Record<string, string> = {}) => ({
  metadata: { labels: { app: 'a', ...labels } },
  spec: { containers: [{ name: 'c', image }] },
});

type DeploymentSpec = NonNullable<Deployment['spec']>;

export function deployment(
  spec: Partial<DeploymentSpec> & { image?: string },
  status: NonNullable<Deployment['status']> = {},
): Stored<Deployment> {
  const { image, ...rest } = spec;
  return {
    metadata: meta('d', { generation: 2, uid: 'd-uid' }),
    spec: { selector: { matchLabels: { app: 'a' } }, template: template(image ?? 'b'), ...rest },
    status,
  } as unknown as Stored<Deployment>;
}

export const service = (spec: Partial<NonNullable<Service['spec']>>): Stored<Service> =>
  ({ metadata: meta('svc'), spec: { selector: { app: 'a' }, ...spec } }) as unknown as Stored<Service>;
