import { Readable } from 'node:stream';
import { beforeEach, expect, test } from 'vitest';
import { StatusError } from '#api/meta/errors.ts';
import { builtinDiscovery } from './api/builtin-discovery.ts';
import { decide } from './auth/certificate.ts';
import { autoscale } from './commands/autoscale.ts';
import { deleteObjects, makeWay } from './commands/delete.ts';
import { expose } from './commands/expose.ts';
import { setMetadata } from './commands/metadata.ts';
import { patch } from './commands/patch.ts';
import { rollout } from './commands/rollout.ts';
import { scale } from './commands/scale.ts';
import type { CliContext } from './context.ts';
import { Unanswered } from './interrupted.ts';
import { eachOf } from './manifests.ts';
import { cordon } from './nodes/cordon.ts';
import { drain } from './nodes/drain.ts';
import { taint } from './nodes/taint.ts';
import { setImage } from './set/pods.ts';

interface Request {
  readonly method?: string;
  readonly path: string;
}

let told: string;
let asked: string[];
let ctrlC: AbortController;
beforeEach(() => {
  told = '';
  asked = [];
  ctrlC = new AbortController();
});

/** A server that answers as told; deleted objects stay. */
function against(answer: (r: Request) => unknown): CliContext {
  const rest = {
    json: async (r: Request) => {
      asked.push(`${r.method ?? 'GET'} ${r.path}`);
      return answer(r);
    },
    found: async () => ({ items: [{ metadata: { uid: 'u' } }], metadata: { resourceVersion: '1' } }),
    open: async () => {
      ctrlC.abort();
      return Readable.from([]);
    },
  };
  const refuse = (): never => {
    throw new Error('nobody asks');
  };
  return {
    ...{ rest, namespace: 'default', signal: ctrlC.signal, discovery: async () => builtinDiscovery(refuse) },
    out: () => {},
    err: (text: string) => {
      told += text;
    },
  } as unknown as CliContext;
}

const DELETED = { metadata: { uid: 'u' } };

test('a deletion that is interrupted leaves the others alone, and says which and what is still there', async () => {
  const ctx = against(() => {
    ctrlC.abort();
    return DELETED;
  });
  expect(await deleteObjects(ctx, ['cm', 'a', 'b'], { yes: true })).toBe(130);
  expect(asked).toEqual(['DELETE /api/v1/namespaces/default/configmaps/a']);
  expect(told).toBe('interrupted; not deleted: configmap "b"\ninterrupted; deleted, but not gone yet: configmap "a"\n');
});

test('whoever gives up waiting for a deletion hears that it is not over', async () => {
  expect(
    await deleteObjects(
      against(() => DELETED),
      ['cm', 'a'],
      { yes: true },
    ),
  ).toBe(130);
  expect(told).toBe('interrupted; deleted, but not gone yet: configmap "a"\n');
});

test('files: what comes after an interrupt is not touched, and named', async () => {
  const manifests = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => ({
    file: 'all.yaml',
    object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } },
  }));
  const done: unknown[] = [];
  const code = await eachOf(
    against(() => ({})),
    manifests,
    'applying',
    async (_resource, object) => {
      done.push(object.metadata?.name);
      ctrlC.abort();
    },
  );
  expect([code, done]).toEqual([130, ['a']]);
  expect(told).toBe(
    'interrupted; before applying: ConfigMap "b", ConfigMap "c", ConfigMap "d", ConfigMap "e", ConfigMap "f" and 1 more\n',
  );
});

test('a node stays closed when its drain is interrupted, and that is said', async () => {
  const pod = {
    metadata: { name: 'p', namespace: 'default', ownerReferences: [{ controller: true, kind: 'ReplicaSet' }] },
  };
  const ctx = against(({ path, method }) => {
    if (path.endsWith('/pods')) return { items: [pod] };
    if (method !== 'POST') return { metadata: { name: 'n' } };
    ctrlC.abort();
    throw new StatusError({ kind: 'Status', apiVersion: 'v1', code: 429, message: 'not now' } as never);
  });
  expect(await drain(ctx, ['n'], {})).toBe(130);
  expect(told).toMatch(/interrupted; cordoned, but not drained: node\/n\n$/);
});

/** An object of any kind, as the server has it. */
const anything = ({ path }: Request) => ({
  metadata: { name: path.split('/').at(-1), labels: { app: 'x' } },
  spec: { template: { spec: { containers: [{ name: 'c', image: 'i', ports: [{ containerPort: 80 }] }] } } },
});
const deploys = ['deploy/a', 'deploy/b', 'deploy/c'];
const CSR = 'certificatesigningrequest.certificates.k8s.io';
const LEFT = 'deployment.apps/b, deployment.apps/c';

test.each<[string, (ctx: CliContext) => Promise<number>, string]>([
  ['label', (ctx) => setMetadata(ctx, 'label', [...deploys, 'x=y'], {}), `not labeled: ${LEFT}`],
  ['annotate', (ctx) => setMetadata(ctx, 'annotate', [...deploys, 'x-'], {}), `not annotated: ${LEFT}`],
  ['patch', (ctx) => patch(ctx, deploys, { patch: '{}' }), `not patched: ${LEFT}`],
  ['scale', (ctx) => scale(ctx, deploys, { replicas: '2' }), `not scaled: ${LEFT}`],
  ['set', (ctx) => setImage(ctx, [...deploys, 'c=new'], {}), `not changed: ${LEFT}`],
  ['rollout restart', (ctx) => rollout(ctx, 'restart', deploys, {}), `not restarted: ${LEFT}`],
  ['rollout pause', (ctx) => rollout(ctx, 'pause', deploys, {}), `not paused: ${LEFT}`],
  ['expose', (ctx) => expose(ctx, ['svc/a', 'svc/b'], { port: '1', selector: 'a=b' }), 'not exposed: service/b'],
  ['autoscale', (ctx) => autoscale(ctx, deploys, { max: '3' }), `not autoscaled: ${LEFT}`],
  ['taint', (ctx) => taint(ctx, ['nodes', 'a', 'b', 'k=v:NoSchedule'], {}), 'not tainted: node/b'],
  ['cordon', (ctx) => cordon(ctx, ['a', 'b'], true, {}), 'not cordoned: node/b'],
  ['certificate', (ctx) => decide(ctx, 'Approved', ['a', 'b'], {}), `not approved: ${CSR}/b`],
])('%s stops after the object at hand, and names the others', async (_command, run, left) => {
  const ctx = against((r) => {
    if (r.method) ctrlC.abort();
    return { kind: r.path.includes('deployments') ? 'Deployment' : 'Any', ...anything(r) };
  });
  expect(await run(ctx)).toBe(130);
  expect(asked.filter((a) => !a.startsWith('GET'))).toHaveLength(1);
  expect(told).toBe(`interrupted; ${left}\n`);
});

test('a change the server has not answered is told as one that may be done', async () => {
  const ctx = against((r) => {
    if (!r.method) return anything(r);
    ctrlC.abort();
    throw new Unanswered();
  });
  expect(await setMetadata(ctx, 'label', ['cm', 'a', 'b', 'x=y'], {})).toBe(130);
  expect(told).toBe('interrupted; asked for, but not answered: configmap/a\ninterrupted; not labeled: configmap/b\n');
});

test('what only looks leaves nothing undone, and says nothing', async () => {
  const ctx = against((r) => {
    ctrlC.abort();
    return anything(r);
  });
  expect(await setMetadata(ctx, 'label', ['cm', 'a', 'b'], { list: true })).toBe(130);
  expect([asked.length, told]).toEqual([1, '']);
});

test('an object that was deleted to be made anew, and is not, is told', async () => {
  const ctx = against(({ method }) => (method === 'DELETE' ? DELETED : {}));
  await expect(makeWay(ctx, 'cm/a', { quiet: true })).rejects.toThrow('interrupted');
  expect(told).toBe('interrupted; deleted, but not made anew: cm/a\n');
});

test.each<[string, (ctx: CliContext) => Promise<number>, string]>([
  [
    'label',
    (ctx) => setMetadata(ctx, 'label', ['cm', 'none', 'a', 'x=y'], {}),
    'PATCH /api/v1/namespaces/default/configmaps/a',
  ],
  ['patch', (ctx) => patch(ctx, ['cm', 'none', 'a'], { patch: '{}' }), 'PATCH /api/v1/namespaces/default/configmaps/a'],
  ['taint', (ctx) => taint(ctx, ['nodes', 'none', 'a', 'k=v:NoSchedule'], {}), 'PATCH /api/v1/nodes/a'],
])('%s: one that is not there is told, and the others are changed', async (_what, work, wanted) => {
  const missing = { kind: 'Status', apiVersion: 'v1', code: 404, reason: 'NotFound', message: 'there is no "none"' };
  const ctx = against((r) => {
    if (r.path.endsWith('/none')) throw new StatusError(missing as never);
    return anything(r);
  });
  expect(await work(ctx)).toBe(1);
  expect(told).toBe('Error from server (NotFound): there is no "none"\n');
  expect(asked).toContain(wanted);
});
