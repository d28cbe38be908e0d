import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import { StaticPods, staticPod } from './static-pods.ts';

const manifest = (more = '') => `apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  containers: [{ name: main, image: 'a/b:1'${more} }]
`;

test('a manifest becomes a pod of this node, with defaults', () => {
  const pod = staticPod('n1', 'web.yaml', manifest());
  expect(pod.metadata).toMatchObject({ name: 'web-n1', namespace: 'default' });
  expect(pod.metadata.annotations).toEqual({
    'kubernetes.io/config.hash': pod.metadata.uid,
    'kubernetes.io/config.source': 'file',
  });
  expect(pod.spec).toMatchObject({ nodeName: 'n1', restartPolicy: 'Always', terminationGracePeriodSeconds: 30 });
  expect(pod.spec?.containers[0]?.imagePullPolicy).toBe('IfNotPresent');
  // Whoever ends pods because of taints leaves its mirror alone.
  expect(pod.spec?.tolerations).toContainEqual({ operator: 'Exists', effect: 'NoExecute' });
});

test('of two manifests of one pod the first counts', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'static-'));
  try {
    await writeFile(join(dir, 'web.yaml'), manifest());
    await writeFile(join(dir, 'web.yaml.bak'), manifest(', tty: true'));
    await writeFile(join(dir, 'web2.yaml'), manifest().replace('name: web', 'name: web, namespace: other'));
    const deps = { dir, nodeName: 'n1', clock: new FakeClock(), logger: silentLogger, changed: () => {} };
    const pods = await new StaticPods(deps).read();
    expect(pods.map(({ metadata: m, spec }) => [m.namespace, m.name, spec?.containers[0]?.tty])).toEqual([
      ['default', 'web-n1', undefined],
      ['other', 'web-n1', undefined],
    ]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test('its identity is node, file and content', () => {
  const uid = (node: string, file: string, more = '') => staticPod(node, file, manifest(more)).metadata.uid;
  expect(uid('n', 'f')).toBe(uid('n', 'f'));
  expect(new Set([uid('n', 'f'), uid('m', 'f'), uid('n', 'g'), uid('n', 'f', ', tty: true')]).size).toBe(4);
});

test.each([
  ['', 'not a Pod'],
  ['kind: Service\napiVersion: v1', 'it holds a Service'],
  ['kind: Pod\napiVersion: v1\nmetadata: {}\nspec: { containers: [] }', 'metadata.name'],
  ['kind: Pod\napiVersion: v1\nmetadata: { name: a }\nspec: { containers: [] }', 'spec.containers: Required value'],
  ['kind: Pod\napiVersion: v1\nspec: 3', 'cannot unmarshal'],
])('%s: %s', (text, complaint) => {
  expect(() => staticPod('n', 'f', text)).toThrow(complaint);
});

test('a folder that cannot be watched is read all the same', async () => {
  const above = await mkdtemp(join(tmpdir(), 'static-'));
  // Watching what is not there fails as it does when the kernel gives no more watches.
  const dir = join(above, 'manifests');
  const clock = new FakeClock();
  const seen: string[][] = [];
  const off = new AbortController();
  const changed = (pods: readonly { metadata: { name: string } }[]): void =>
    void seen.push(pods.map((p) => p.metadata.name));
  const statics = new StaticPods({ dir, nodeName: 'n1', clock, logger: silentLogger, changed });
  const running = statics.run(off.signal);
  try {
    await vi.waitFor(
      async () => {
        await clock.advance(21_000);
        expect(seen.length).toBeGreaterThan(0);
      },
      { timeout: 30_000 },
    );
    await writeFile(join(dir, 'web.yaml'), manifest());
    await vi.waitFor(
      async () => {
        await clock.advance(21_000);
        expect(seen.at(-1)).toEqual(['web-n1']);
      },
      { timeout: 30_000 },
    );
  } finally {
    off.abort();
    await running;
    await rm(above, { recursive: true, force: true });
  }
});
