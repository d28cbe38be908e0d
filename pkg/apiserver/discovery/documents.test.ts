import { expect, test } from 'vitest';
import type { Kind } from '#api/kind.ts';
import { ConfigMaps, Deployments, Events, TokenReviews } from '#api/kinds/index.ts';
import { EventsV1 } from '#api/kinds/versions/event.ts';
import { type Resource, ResourceTable } from '../registry/resource.ts';
import { type ApiResource, discoveryOf, type RemoteVersion } from './documents.ts';

const served = (kind: unknown): Resource => ({ kind }) as Resource;
const thing: ApiResource = { name: 'things', singularName: 'thing', namespaced: true, kind: 'Thing', verbs: ['get'] };

test('documents are made once, and anew when something else is served, here or elsewhere', () => {
  const resources = new ResourceTable();
  resources.add(served(ConfigMaps));
  let looks = 0;
  // Whoever makes the documents looks at the verbs.
  const counted = { ...(Deployments as unknown as Kind) };
  const { verbs } = counted;
  Object.defineProperty(counted, 'verbs', { get: () => ++looks && verbs });
  resources.add(served(counted));
  let remotes: RemoteVersion[] = [];
  const discovery = discoveryOf(resources, () => [...remotes]);
  const all = (): unknown => [
    JSON.parse(discovery.aggregated(false, 'v2')),
    JSON.parse(discovery.groupList()),
    JSON.parse(discovery.resourceList('apps', 'v1') ?? ''),
    discovery.group('x.io'),
  ];
  const first = all();
  const looked = looks;
  expect(looked).toBeGreaterThan(0);
  expect(all()).toEqual(first);
  expect(looks).toBe(looked);

  const remote = { group: 'x.io', version: 'v1', groupPriorityMinimum: 10, versionPriority: 10 };
  const states: RemoteVersion[][] = [
    [{ ...remote, resources: [], fresh: true }],
    [{ ...remote, resources: [thing], fresh: true }],
    [{ ...remote, resources: [thing], fresh: false }],
    [{ ...remote, version: 'v2', resources: [thing], fresh: false }],
    [{ ...remote, groupPriorityMinimum: 20_000, version: 'v2', resources: [thing], fresh: false }],
    [],
  ];
  const seen = states.map((state) => {
    remotes = state;
    const text = JSON.stringify(all());
    expect(JSON.stringify(all())).toBe(text);
    return text;
  });
  for (const [i, text] of seen.entries()) expect(text).not.toBe(seen[i - 1]);
  expect(JSON.parse(seen.at(-1) ?? '')).toEqual(JSON.parse(JSON.stringify(first)));

  resources.remove(counted);
  expect(discovery.resourceList('apps', 'v1')).toBeUndefined();
  expect(discovery.group('apps')).toBeUndefined();
});

test('the version in which objects are stored is told by its hash', () => {
  const resources = new ResourceTable();
  for (const kind of [ConfigMaps, Deployments, Events, TokenReviews]) resources.add(served(kind));
  resources.add({ kind: EventsV1, storedAs: { resource: { kind: Events } } } as unknown as Resource);
  const discovery = discoveryOf(resources);
  const told = (group: string) =>
    (JSON.parse(discovery.resourceList(group, 'v1') ?? '').resources as ApiResource[]).map((r) => [
      r.name,
      r.storageVersionHash,
    ]);
  // As Kubernetes has them.
  expect(told('')).toEqual([
    ['configmaps', 'qFsyl6wFWjQ='],
    ['events', 'r2yiGXH7wu8='],
  ]);
  expect(told('apps')).toEqual([
    ['deployments', '8aSe+NMegvE='],
    ['deployments/scale', undefined],
    ['deployments/status', undefined],
  ]);
  expect(told('events.k8s.io')).toEqual([['events', 'r2yiGXH7wu8=']]);
  expect(told('authentication.k8s.io')).toEqual([['tokenreviews', undefined]]);
});
