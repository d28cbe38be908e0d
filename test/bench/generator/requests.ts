import { filling, PLACES, pod, pushing, schedulable, shardOf } from './pods.ts';

/** What a phase sends: see "Shape of the API load" in docs/benchmarks.md. */
export type Work = keyof typeof WORKS;

export interface Phase {
  readonly work: Work;
  readonly namespace: string;
  readonly count: number;
  /** Objects are named by numbers below this, over and over; default `count`. */
  readonly objects?: number;
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly type?: string;
  readonly body?: unknown;
}

/** Sixteen digits of microseconds take its place when the request is sent. */
export const STAMP = '0123456789012345';
export const STAMP_NAME = '"bench/sent":"';

const MERGE = 'application/merge-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';
const APPLY = 'application/apply-patch+yaml';

const pods = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;
const podPath = (namespace: string, k: number): string => `${pods(namespace)}/pod-${k}`;
const creates = (object: (namespace: string, k: number) => object) => (ns: string, k: number) => ({
  method: 'POST',
  path: pods(ns),
  body: object(ns, k),
});
const list = (query: string) => (namespace: string) => ({ method: 'GET', path: `${pods(namespace)}${query}` });

function configMap(namespace: string, k: number): unknown {
  const data = { 'app.conf': `listen = 0.0.0.0:8080\nworker = ${k}\n`.repeat(8), mode: 'production' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `config-${k}`, namespace }, data };
}

const WORKS = {
  'create configmap': (ns: string, k: number) => ({
    method: 'POST',
    path: `/api/v1/namespaces/${ns}/configmaps`,
    body: configMap(ns, k),
  }),
  'create pod': creates(pod),
  'create schedulable pod': creates(schedulable),
  'create pod of two zones': creates((ns, k) => schedulable(ns, k, PLACES.zoned)),
  'create evenly spread pod': creates((ns, k) => schedulable(ns, k, PLACES.even)),
  'create pod apart': creates((ns, k) => schedulable(ns, k, PLACES.apart)),
  'create pod near others': creates((ns, k) => schedulable(ns, k, PLACES.together)),
  'create filling pod': creates(filling),
  'create pushing pod': creates(pushing),
  'get pod': (ns: string, k: number) => ({ method: 'GET', path: podPath(ns, k) }),
  'merge patch': (ns: string, k: number) => ({
    method: 'PATCH',
    path: podPath(ns, k),
    type: MERGE,
    body: { metadata: { annotations: { 'bench/merge': `m${k}` } } },
  }),
  'strategic patch': (ns: string, k: number) => ({
    method: 'PATCH',
    path: podPath(ns, k),
    type: STRATEGIC,
    body: { metadata: { labels: { strategic: `s${k}` } }, spec: { containers: [{ name: 'main', image: 'other:2' }] } },
  }),
  'stamp pod': (ns: string, k: number) => ({
    method: 'PATCH',
    path: podPath(ns, k),
    type: MERGE,
    body: { metadata: { annotations: { 'bench/sent': STAMP } } },
  }),
  'apply pod': (ns: string, k: number) => ({
    method: 'PATCH',
    path: `${podPath(ns, k)}?fieldManager=bench`,
    type: APPLY,
    body: pod(ns, k),
  }),
  'list from cache': list('?resourceVersion=0'),
  'list quorum': list(''),
  'list by label': (ns: string, k: number) => list(`?resourceVersion=0&labelSelector=shard%3D${shardOf(k)}`)(ns),
  'list page': list('?resourceVersion=0&limit=500'),
  'delete pod': (ns: string, k: number) => ({ method: 'DELETE', path: `${podPath(ns, k)}?gracePeriodSeconds=0` }),
} satisfies Record<string, (namespace: string, k: number) => Request>;

function bytesOf(r: Request): Buffer {
  const body = r.body === undefined ? '' : JSON.stringify(r.body);
  const content = body
    ? `content-type: ${r.type ?? 'application/json'}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`
    : '';
  const head = `${r.method} ${r.path} HTTP/1.1\r\nhost: bench\r\nuser-agent: bench/1\r\naccept: application/json\r\n${content}\r\n`;
  return Buffer.from(head + body);
}

/** All requests of a phase, ready to be written: nothing is put together while the clock runs. */
export function requestsOf(phase: Phase): Buffer[] {
  const make: (namespace: string, k: number) => Request = WORKS[phase.work];
  const objects = phase.objects ?? phase.count;
  return Array.from({ length: phase.count }, (_, k) => bytesOf(make(phase.namespace, k % objects)));
}
