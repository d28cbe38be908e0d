import { expect, test } from 'vitest';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { mergePatch } from '#api/patch/merge-patch.ts';
import { strategicMerge } from '#api/patch/strategic-merge.ts';
import { builtinKind } from '../api/builtin-discovery.ts';
import type { ApiResource } from '../api/discovery.ts';
import { patchBetween } from './patches.ts';

const resource = (group: string, plural: string, kind: string): ApiResource => ({
  group,
  version: 'v1',
  plural,
  singular: kind.toLowerCase(),
  kind,
  namespaced: true,
  shortNames: [],
  categories: [],
  verbs: [],
});
const deployments = resource('apps', 'deployments', 'Deployment');
const services = resource('', 'services', 'Service');
const pods = resource('', 'pods', 'Pod');
const STRATEGIC = 'application/strategic-merge-patch+json';

const deployment = (containers: object[], more: object = {}): KubeObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { template: { spec: { containers, ...more } } },
  }) as KubeObject;

/** What the server makes of a patch to an object that somebody else has changed meanwhile. */
const patched = (r: ApiResource, now: KubeObject, body: object): object =>
  strategicMerge(builtinKind(r)?.schema ?? ({} as never), now, body) as object;

const web = { name: 'web', image: 'a:1', env: [{ name: 'A', value: '1' }] };
const side = { name: 'side', image: 'b:1' };

test.each<[string, ApiResource, KubeObject, KubeObject, KubeObject, KubeObject]>([
  [
    'another container',
    deployments,
    deployment([web, side]),
    deployment([{ ...web, image: 'a:2' }, side]),
    deployment([web, { ...side, image: 'b:2' }, { name: 'injected' }]),
    deployment([{ ...web, image: 'a:2' }, { ...side, image: 'b:2' }, { name: 'injected' }]),
  ],
  [
    'another variable of the same container',
    deployments,
    deployment([web]),
    deployment([{ ...web, env: [{ name: 'A', value: '2' }] }]),
    deployment([{ ...web, env: [...web.env, { name: 'B', value: '3' }] }]),
    deployment([
      {
        ...web,
        env: [
          { name: 'A', value: '2' },
          { name: 'B', value: '3' },
        ],
      },
    ]),
  ],
  [
    'a container taken out',
    deployments,
    deployment([web, side]),
    deployment([web]),
    deployment([{ ...web, image: 'a:3' }, side]),
    deployment([{ ...web, image: 'a:3' }]),
  ],
  [
    'a volume of another source',
    deployments,
    deployment([web], { volumes: [{ name: 'v', emptyDir: {} }] }),
    deployment([web], { volumes: [{ name: 'v', configMap: { name: 'c' } }] }),
    deployment([web, side], { volumes: [{ name: 'v', emptyDir: {} }, { name: 'w' }] }),
    deployment([web, side], { volumes: [{ name: 'v', configMap: { name: 'c' } }, { name: 'w' }] }),
  ],
])('what somebody else changes meanwhile stays: %s', (_what, r, before, after, now, want) => {
  const { body, contentType } = patchBetween(r, before, after);
  expect(contentType).toBe(STRATEGIC);
  expect(patched(r, now, body)).toEqual(want);
});

const meta = (metadata: object): KubeObject => ({ apiVersion: 'v1', kind: 'Pod', metadata }) as KubeObject;
const ports = (...list: object[]): KubeObject =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: { ports: list } }) as KubeObject;
const dns = [
  { name: 'udp', port: 53, protocol: 'UDP', nodePort: 30001 },
  { name: 'tcp', port: 53, protocol: 'TCP', nodePort: 30002 },
];

test.each<[string, ApiResource, KubeObject, KubeObject]>([
  ['containers in another order', deployments, deployment([web, side]), deployment([side, web])],
  ['a container at the front', deployments, deployment([web, side]), deployment([{ name: 'new' }, side, web])],
  ['a finalizer taken out', pods, meta({ finalizers: ['a/b', 'c/d'] }), meta({ finalizers: ['c/d'] })],
  ['finalizers in another order', pods, meta({ finalizers: ['a/b', 'c/d'] }), meta({ finalizers: ['c/d', 'a/b'] })],
  ['a label taken out', pods, meta({ labels: { a: '1', b: '2' } }), meta({ labels: { a: '1' } })],
  ['of two items of one key the second', services, ports(...dns), ports(dns[0] ?? {}, { ...dns[1], nodePort: 30003 })],
  ['of two items of one key the first taken out', services, ports(...dns), ports(dns[1] ?? {})],
  ['an item without its key', deployments, deployment([web]), deployment([{ image: 'x' }])],
])('the patch makes just what was typed: %s', (_what, r, before, after) => {
  expect(patched(r, before, patchBetween(r, before, after).body)).toEqual(after);
});

test('nothing changed is an empty patch; null takes a field out', () => {
  expect(patchBetween(deployments, deployment([web]), deployment([web])).body).toEqual({});
  expect(patchBetween(pods, meta({ labels: { a: '1' } }), meta({ labels: null })).body).toEqual({
    metadata: { labels: null },
  });
});

test('custom resources, and subresources of another kind, take merge patches of what was changed', () => {
  const crontab = (spec: object): KubeObject =>
    ({ apiVersion: 'x.io/v1', kind: 'CronTab', metadata: { name: 'c' }, spec }) as KubeObject;
  const before = crontab({ a: 1, b: { c: 1, d: [{ x: 1, y: 2 }] }, gone: { z: 1 } });
  const after = crontab({ a: 2, b: { c: 1, d: [{ y: 2, x: 1 }] }, gone: null });
  const { body, contentType } = patchBetween(resource('x.io', 'crontabs', 'CronTab'), before, after);
  expect(contentType).toBe('application/merge-patch+json');
  expect(body).toEqual({ spec: { a: 2, gone: null } });
  const now = crontab({ a: 1, b: { c: 7, d: [] }, other: true });
  expect(mergePatch(now, body)).toEqual(crontab({ a: 2, b: { c: 7, d: [] }, other: true }));
  const scale = (replicas: number): KubeObject =>
    ({ apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'web' }, spec: { replicas } }) as KubeObject;
  expect(patchBetween(deployments, scale(1), scale(2))).toMatchObject({
    body: { spec: { replicas: 2 } },
    contentType: 'application/merge-patch+json',
  });
});
