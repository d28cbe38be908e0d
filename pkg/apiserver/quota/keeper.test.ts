import { expect, onTestFinished, test } from 'vitest';
import { type CustomResourceDefinition, ResourceQuotas } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { systemClock } from '#async/clock.ts';
import { silentLogger } from '#process/logger.ts';
import { memoryStorage } from '#storage/memory/memory.ts';
import { RegistryCache } from '../cache/registry-cache.ts';
import { CustomServing } from '../crd/serving.ts';
import { encodingOf } from '../registry/encoding.ts';
import { makeResource, ResourceTable } from '../registry/resource.ts';
import { QuotaKeeper } from './keeper.ts';

const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
const definition = (strategy: string) =>
  ({
    metadata: { name: 'things.x.io', resourceVersion: '1' },
    spec: {
      ...{ group: 'x.io', scope: 'Namespaced', names: { plural: 'things', kind: 'Thing' } },
      versions: [
        { name: 'v1', served: true, storage: true, schema },
        { name: 'v2', served: true, storage: false, schema },
      ],
      conversion: { strategy },
    },
  }) as unknown as Stored<CustomResourceDefinition>;

test.each(['None', 'Webhook'])('custom objects of two versions (conversion %s) count once each', async (strategy) => {
  const storage = memoryStorage();
  const cache = new RegistryCache({ storage, clock: systemClock, logger: silentLogger });
  const resources = new ResourceTable();
  const kind = ResourceQuotas as never;
  const cached = { group: '', plural: 'resourcequotas', apiVersion: 'v1', kind: 'ResourceQuota' };
  resources.add(makeResource(kind, cache.resource(cached), encodingOf(kind)));
  const conversion = { clock: systemClock, resolve: () => ({ host: '', port: 0 }) };
  new CustomServing({ resources, cache, conversion }).serve(definition(strategy));
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const put = (key: string, o: object) => storage.create(`/registry/${key}`, Buffer.from(JSON.stringify(o)));
  for (const name of ['a', 'b']) {
    const thing = { kind: 'Thing', apiVersion: 'x.io/v1', metadata: { name, namespace: 'ns' } };
    await put(`x.io/things/ns/${name}`, thing);
  }
  const key = 'core/resourcequotas/ns/q';
  await put(key, { metadata: { name: 'q', namespace: 'ns' }, spec: { hard: { 'count/things.x.io': '5' } } });
  await cache.start(stop.signal);
  await new QuotaKeeper({ resources, storage, clock: systemClock, logger: silentLogger }).repair();
  const quota = JSON.parse((await storage.get(`/registry/${key}`))?.value.toString() ?? '{}');
  expect(quota.status).toEqual({ hard: { 'count/things.x.io': '5' }, used: { 'count/things.x.io': '2' } });
});
