import { expect, onTestFinished, test, vi } from 'vitest';
import { CUSTOM_RESOURCE_CLEANUP, type CustomResourceDefinition, CustomResourceDefinitions } from '#api/kinds/index.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { silentLogger } from '#process/logger.ts';
import { memoryStorage } from '#storage/memory/memory.ts';
import { RegistryCache } from '../cache/registry-cache.ts';
import { encodingOf } from '../registry/encoding.ts';
import { makeResource, ResourceTable } from '../registry/resource.ts';
import { CustomResources } from './controller.ts';
import { desiredStatus, takenBy } from './status.ts';

const KEY = '/registry/apiextensions.k8s.io/customresourcedefinitions/things.x.io';
const TIME = '2026-01-01T00:00:00Z';

function definition(uid: string, going: boolean): Buffer {
  const metadata = {
    name: 'things.x.io',
    uid,
    finalizers: [CUSTOM_RESOURCE_CLEANUP],
    ...(going ? { deletionTimestamp: TIME } : {}),
  };
  const names = { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' };
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const versions = [{ name: 'v1', served: true, storage: true, schema }];
  const crd = { metadata, spec: { group: 'x.io', scope: 'Namespaced', names, versions } } as CustomResourceDefinition;
  return Buffer.from(JSON.stringify({ ...crd, status: desiredStatus(crd, takenBy([]), TIME) }));
}

test('a definition made anew while a slow server still empties the old one keeps its objects and its finalizer', async () => {
  const storage = memoryStorage();
  const cache = new RegistryCache({ storage, clock: systemClock, logger: silentLogger });
  const resources = new ResourceTable();
  const kind = CustomResourceDefinitions as never;
  const definitions = cache.resource({
    ...{ group: 'apiextensions.k8s.io', plural: 'customresourcedefinitions' },
    ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
  });
  resources.add(makeResource(kind, definitions, encodingOf(kind)));
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const made = await storage.create(KEY, definition('old', true));
  await cache.start(stop.signal);

  const slow = Promise.withResolvers<void>();
  const currentRevision = storage.currentRevision.bind(storage);
  const asked = vi.spyOn(storage, 'currentRevision').mockImplementation(async () => {
    await slow.promise;
    return currentRevision();
  });
  const written: (string[] | undefined)[] = [];
  const change = vi.fn(async (_: unknown, next: (o: Stored<KubeObject>) => KubeObject) => {
    const current = definitions.get('things.x.io')?.object;
    if (current) written.push(next(current).metadata?.finalizers);
  });
  const remove = vi.fn(async () => {});
  const custom = new CustomResources({
    ...{ resources, cache, clock: systemClock, logger: silentLogger, resolve: () => ({ host: '', port: 0 }) },
    ...{ writes: { change } as never, deleter: { delete: remove } as never },
  });
  custom.start(stop.signal);
  await vi.waitFor(() => expect(asked).toHaveBeenCalled(), { timeout: 30_000 });

  await storage.delete(KEY, made);
  await storage.create(KEY, definition('new', false));
  await storage.create('/registry/x.io/things/ns/mine', Buffer.from('{"metadata":{"name":"mine","namespace":"ns"}}'));
  await vi.waitFor(() => expect(definitions.get('things.x.io')?.object.metadata.uid).toBe('new'), { timeout: 30_000 });
  slow.resolve();
  const things = () => resources.find('x.io', 'v1', 'things');
  await vi.waitFor(() => expect(things()?.cache.get('ns/mine')).toBeDefined(), { timeout: 30_000 });
  await systemClock.sleep(100);
  expect(remove).not.toHaveBeenCalled();
  for (const finalizers of written) expect(finalizers).toEqual([CUSTOM_RESOURCE_CLEANUP]);
  expect(things()?.kind.verbs).toContain('create');
});
