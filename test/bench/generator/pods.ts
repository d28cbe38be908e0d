const SHARDS = 50;

const env = (k: number): { name: string; value: string }[] =>
  ['HOST', 'PORT', 'REGION', 'STAGE'].map((name) => ({ name: `SERVICE_${name}`, value: `value-of-${name}-${k}` }));

/** The label "shard" of pod k: each of fifty has the like. */
export const shardOf = (k: number): string => String(k % SHARDS);

/** For nobody's scheduler; about 2 kB as it is stored, defaults and managed fields included. */
export function pod(namespace: string, k: number): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `pod-${k}`,
      namespace,
      labels: { app: 'bench', shard: shardOf(k) },
    },
    spec: {
      schedulerName: 'nobody',
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'main',
          image: 'coxswain/hello:1',
          env: env(k),
          ports: [{ name: 'http', containerPort: 8080 }],
          resources: { requests: { cpu: '1m', memory: '1Mi' } },
        },
      ],
    },
  };
}

/** One that is to get a node. @param more further fields of its spec */
export function schedulable(namespace: string, k: number, more: object = {}): object {
  const { spec, ...rest } = pod(namespace, k);
  const { schedulerName: _none, ...kept } = spec as { schedulerName: string };
  return { ...rest, spec: { ...kept, ...more } };
}

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
/** The other pods in the same zone, or on the same node. */
const others = (topologyKey: string): object => ({ topologyKey, labelSelector: { matchLabels: { app: 'bench' } } });
const twoZones = { matchExpressions: [{ key: ZONE, operator: 'In', values: ['zone-0', 'zone-1'] }] };

/** What a pod may ask of its place: the cases of kube-scheduler's published benchmarks. */
export const PLACES = {
  zoned: { affinity: { nodeAffinity: { [REQUIRED]: { nodeSelectorTerms: [twoZones] } } } },
  even: { topologySpreadConstraints: [{ ...others(ZONE), maxSkew: 5, whenUnsatisfiable: 'DoNotSchedule' }] },
  apart: { affinity: { podAntiAffinity: { [REQUIRED]: [others(HOST)] } } },
  together: { affinity: { podAffinity: { [REQUIRED]: [others(ZONE)] } } },
} satisfies Record<string, object>;

/** Must be there for `pushing`. */
export const PRIORITY_CLASS = 'bench-high';
/** Of a node's 8, each of four pods that fill it. */
const FILLING = '1900m';
/** There is room for it where three of those have gone. */
const PUSHING = '5500m';

function big(namespace: string, k: number, { name, cpu, more }: { name: string; cpu: string; more: object }): object {
  const containers = [{ name: 'main', image: 'coxswain/hello:1', resources: { requests: { cpu, memory: '1Mi' } } }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${name}-${k}`, namespace, labels: { app: name } },
    spec: { automountServiceAccountToken: false, containers, ...more },
  };
}

/** Four of them leave no room on a node. They go at once when they must: there is nobody who could end them. */
export const filling = (namespace: string, k: number): object =>
  big(namespace, k, { name: 'filling', cpu: FILLING, more: { terminationGracePeriodSeconds: 0 } });

/** Of higher priority, so that others must go for it. */
export const pushing = (namespace: string, k: number): object =>
  big(namespace, k, { name: 'pushing', cpu: PUSHING, more: { priorityClassName: PRIORITY_CLASS } });
