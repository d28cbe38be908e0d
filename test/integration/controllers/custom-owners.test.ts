import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { metadataKind } from '#api/custom/metadata-kind.ts';
import { ConfigMaps, CustomResourceDefinitions, Namespaces } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, OwnerReference, Stored } from '#api/meta/objectmeta.ts';
import type { DeleteOptions } from '#client/types.ts';
import { waitFor } from '../../bed/wait.ts';
import { freshNamespace, useWorld } from './world.ts';

const manifests = mkdtempSync(join(tmpdir(), 'manifests-'));
const world = useWorld('integration-custom-owners', {
  hollow: 0,
  flags: { 'controller-manager': ['--manifests-dir', manifests] },
});
afterAll(() => rmSync(manifests, { recursive: true, force: true }));
const GROUP = 'owners.example';
const Boxes = metadataKind({ group: GROUP, version: 'v1', kind: 'Box', plural: 'boxes', namespaced: true });
const Shelves = metadataKind({ group: GROUP, version: 'v1', kind: 'Shelf', plural: 'shelves', namespaced: false });
type AnyKind = typeof Boxes;
const Maps = ConfigMaps as unknown as AnyKind;

const definition = ({ kind, plural, namespaced }: AnyKind) => ({
  metadata: { name: `${plural}.${GROUP}` },
  spec: {
    group: GROUP,
    scope: namespaced ? ('Namespaced' as const) : ('Cluster' as const),
    names: { plural, kind },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
});

/** Defines a kind and waits until it is served. */
async function define(kind: AnyKind): Promise<void> {
  const { client } = world();
  const { metadata } = await client.create(CustomResourceDefinitions, definition(kind));
  const served = async () => {
    // One that has just gone may be served for a moment still.
    const { status } = await client.get(CustomResourceDefinitions, metadata.name);
    return status?.conditions?.some((c) => c.type === 'Established' && c.status === 'True') && client.list(kind);
  };
  await waitFor('served', served, { everyMs: 20 });
}

const make = (kind: AnyKind, name: string, metadata: KubeObject['metadata'] = {}): Promise<Stored<KubeObject>> =>
  world().client.create(kind, { metadata: { ...metadata, name } });
const ownedBy = (kind: AnyKind, o: Stored<KubeObject>, over: Partial<OwnerReference> = {}): OwnerReference => ({
  apiVersion: kind.group ? `${kind.group}/${kind.version}` : kind.version,
  kind: kind.kind,
  name: o.metadata.name,
  uid: o.metadata.uid,
  ...over,
});
async function find(kind: AnyKind, name: string, namespace?: string): Promise<Stored<KubeObject> | undefined> {
  try {
    return await world().client.get(kind, name, namespace);
  } catch (e) {
    if (!isNotFound(e)) throw e;
    return undefined;
  }
}
const gone = (kind: AnyKind, name: string, namespace?: string): Promise<unknown> =>
  waitFor(`${kind.kind} ${name} gone`, async () => (await find(kind, name, namespace)) === undefined, { everyMs: 30 });
const remove = (kind: AnyKind, name: string, namespace: string | undefined, how: DeleteOptions): Promise<unknown> =>
  world().client.delete(kind, name, namespace, how);
const release = (kind: AnyKind, name: string, namespace: string): Promise<unknown> =>
  world().client.patch(kind, { name, namespace }, { type: 'merge', body: { metadata: { finalizers: null } } });

/** Waits until the garbage collector has heard of what there is of a kind: what comes of a late dependent is another thing. */
async function heard(kind: AnyKind, namespace: string): Promise<void> {
  const nobody = { apiVersion: 'v1', kind: 'ConfigMap', name: 'never-was', uid: crypto.randomUUID() };
  await make(kind, 'marker', { namespace, ownerReferences: [nobody] });
  await gone(kind, 'marker', namespace);
}

beforeAll(async () => {
  await define(Boxes);
  await define(Shelves);
});

describe.each([
  ['a custom object owns a config map', Boxes, Maps],
  ['a config map owns a custom object', Maps, Boxes],
  ['custom objects own each other', Boxes, Boxes],
])('%s', (_name, Owners, Dependents) => {
  test('background: it goes after its owner', async () => {
    const namespace = await freshNamespace(world().client, 'bg');
    const owner = await make(Owners, 'owner', { namespace });
    await make(Dependents, 'child', { namespace, ownerReferences: [ownedBy(Owners, owner)] });
    await make(Dependents, 'stranger', { namespace });
    await remove(Owners, 'owner', namespace, { propagationPolicy: 'Background' });
    await gone(Owners, 'owner', namespace);
    await gone(Dependents, 'child', namespace);
    expect(await find(Dependents, 'stranger', namespace)).toBeDefined();
  });

  test('foreground: its owner waits for it', async () => {
    const namespace = await freshNamespace(world().client, 'fg');
    const owner = await make(Owners, 'owner', { namespace });
    const ownerReferences = [ownedBy(Owners, owner, { blockOwnerDeletion: true })];
    await make(Dependents, 'child', { namespace, ownerReferences, finalizers: ['example.com/hold'] });
    await heard(Dependents, namespace);
    await remove(Owners, 'owner', namespace, { propagationPolicy: 'Foreground' });
    await waitFor('the child is being deleted', async () =>
      Boolean((await find(Dependents, 'child', namespace))?.metadata.deletionTimestamp),
    );
    const waiting = await find(Owners, 'owner', namespace);
    expect(waiting?.metadata.finalizers).toEqual(['foregroundDeletion']);
    await release(Dependents, 'child', namespace);
    await gone(Dependents, 'child', namespace);
    await gone(Owners, 'owner', namespace);
  });

  test('orphan: it stays, without the reference', async () => {
    const namespace = await freshNamespace(world().client, 'or');
    const owner = await make(Owners, 'owner', { namespace });
    await make(Dependents, 'child', { namespace, ownerReferences: [ownedBy(Owners, owner)] });
    await heard(Dependents, namespace);
    await remove(Owners, 'owner', namespace, { propagationPolicy: 'Orphan' });
    await gone(Owners, 'owner', namespace);
    const child = await find(Dependents, 'child', namespace);
    expect(child?.metadata.ownerReferences ?? []).toEqual([]);
  });

  test('one of two owners: only the reference goes', async () => {
    const namespace = await freshNamespace(world().client, 'two');
    const [a, b] = [await make(Owners, 'a', { namespace }), await make(Owners, 'b', { namespace })];
    const ownerReferences = [ownedBy(Owners, a), ownedBy(Owners, b)];
    await make(Dependents, 'child', { namespace, ownerReferences });
    await remove(Owners, 'a', namespace, { propagationPolicy: 'Background' });
    const left = await waitFor('one reference', async () => {
      const refs = (await find(Dependents, 'child', namespace))?.metadata.ownerReferences;
      return refs?.length === 1 ? refs : undefined;
    });
    expect(left[0]?.name).toBe('b');
  });
});

test('orphan: a dependent of a kind that becomes known only after its owner has gone stays, too', async () => {
  const namespace = await freshNamespace(world().client, 'lo');
  const Labels = metadataKind({ group: GROUP, version: 'v1', kind: 'Label', plural: 'labels', namespaced: true });
  const owner = await make(Maps, 'owner', { namespace });
  await define(Labels);
  await make(Labels, 'child', { namespace, ownerReferences: [ownedBy(Maps, owner)] });
  await remove(Maps, 'owner', namespace, { propagationPolicy: 'Orphan' });
  await gone(Maps, 'owner', namespace);
  await waitFor('it is let go', async () => {
    const child = await find(Labels, 'child', namespace);
    return child && !child.metadata.ownerReferences?.length;
  });
});

test('an owner may be cluster-scoped, or have never been', async () => {
  const namespace = await freshNamespace(world().client, 'sh');
  const shelf = await make(Shelves, 'shelf');
  await make(Boxes, 'on-shelf', { namespace, ownerReferences: [ownedBy(Shelves, shelf)] });
  const never = { ...shelf, metadata: { ...shelf.metadata, name: 'never', uid: 'no-such-uid' } };
  await make(Boxes, 'on-nothing', { namespace, ownerReferences: [ownedBy(Shelves, never)] });
  await gone(Boxes, 'on-nothing', namespace);
  expect(await find(Boxes, 'on-shelf', namespace)).toBeDefined();
  await remove(Shelves, 'shelf', undefined, { propagationPolicy: 'Background' });
  await gone(Boxes, 'on-shelf', namespace);
});

test('a namespace is emptied of custom objects, and goes as soon as the last is free', async () => {
  const namespace = await freshNamespace(world().client, 'ns');
  await make(Boxes, 'plain', { namespace });
  await make(Boxes, 'held', { namespace, finalizers: ['example.com/hold'] });
  await remove(Namespaces as unknown as AnyKind, namespace, undefined, {});
  await gone(Boxes, 'plain', namespace);
  const condition = await waitFor('the reason', async () => {
    const { status } = await world().client.get(Namespaces, namespace);
    return status?.conditions?.find((c) => c.type === 'NamespaceFinalizersRemaining' && c.status === 'True');
  });
  expect(condition.message).toContain('example.com/hold in 1 resource instances');
  await release(Boxes, 'held', namespace);
  await gone(Namespaces as unknown as AnyKind, namespace);
});

test('a definition that goes takes along what its objects own; one that comes again is followed again', async () => {
  const namespace = await freshNamespace(world().client, 'crd');
  const Crates = metadataKind({ group: GROUP, version: 'v1', kind: 'Crate', plural: 'crates', namespaced: true });
  for (const name of ['first', 'second']) {
    await define(Crates);
    const crate = await make(Crates, name, { namespace });
    // A first look at one of its objects shows that the kind is followed.
    const nobody = ownedBy(Shelves, { ...crate, metadata: { ...crate.metadata, name: 'nobody', uid: `no-${name}` } });
    await make(Crates, 'stray', { namespace, ownerReferences: [nobody] });
    await gone(Crates, 'stray', namespace);
    await make(Maps, `in-${name}`, { namespace, ownerReferences: [ownedBy(Crates, crate)] });
    await world().client.delete(CustomResourceDefinitions, `crates.${GROUP}`);
    await gone(CustomResourceDefinitions as unknown as AnyKind, `crates.${GROUP}`);
    await gone(Maps, `in-${name}`, namespace);
  }
});

test('an owner of a kind that becomes known later is looked for then', async () => {
  const namespace = await freshNamespace(world().client, 'late');
  const Lids = metadataKind({ group: GROUP, version: 'v1', kind: 'Lid', plural: 'lids', namespaced: true });
  const nobody = { apiVersion: `${GROUP}/v1`, kind: 'Lid', name: 'nobody', uid: 'nobody' };
  await make(Maps, 'early', { namespace, ownerReferences: [nobody] });
  await define(Lids);
  await gone(Maps, 'early', namespace);
});

test('manifests of the folder are applied, custom kinds too, and again when they have changed', async () => {
  const { client } = world();
  const crates = metadataKind({ group: GROUP, version: 'v1', kind: 'Crate', plural: 'crates', namespaced: true });
  const put = (name: string, ...objects: object[]): void => {
    writeFileSync(join(manifests, `.${name}`), objects.map((o) => JSON.stringify(o)).join('\n---\n'));
    renameSync(join(manifests, `.${name}`), join(manifests, name));
  };
  const settings = (value: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'of-a-file' },
    data: { value },
  });
  const crd = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', ...definition(crates) };
  // Its kind comes after it, in a file of a later name, as does one that is broken.
  put('a.yaml', { apiVersion: `${GROUP}/v1`, kind: 'Crate', metadata: { name: 'first', namespace: 'kube-system' } });
  put('b.json', crd);
  put('c.yml', { kind: 'ConfigMap' });
  put('d.yaml', settings('1'));
  put('notes.txt', settings('never'));
  const limits = { timeoutMs: 60_000 };
  await waitFor('the object of a custom kind', () => find(crates, 'first', 'kube-system'), limits);
  const value = async () => (await client.get(ConfigMaps, 'of-a-file', 'default')).data;
  await waitFor('the settings', async () => (await value())?.value === '1', limits);
  // What others add stays; what the file says comes back when the file changes.
  await client.patch(
    ConfigMaps,
    { name: 'of-a-file', namespace: 'default' },
    { type: 'merge', body: { data: { mine: 'x' } } },
  );
  put('d.yaml', settings('22'));
  await waitFor('the new settings', async () => (await value())?.value === '22', limits);
  expect(await value()).toEqual({ value: '22', mine: 'x' });
  rmSync(join(manifests, 'd.yaml'));
  await client.delete(ConfigMaps, 'of-a-file', 'default');
  put('e.yaml', { ...settings('e'), metadata: { name: 'of-another' } });
  await waitFor('another file', () => client.get(ConfigMaps, 'of-another', 'default'), limits);
  expect(await find(Maps, 'of-a-file', 'default')).toBeUndefined();
});
