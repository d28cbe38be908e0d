import { beforeEach, describe, expect, test } from 'vitest';
import { type Deployment, Deployments } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { memoryStorage } from '#storage/memory/memory.ts';
import { admissionChain } from '../admission/types.ts';
import type { ResourceCache } from '../cache/types.ts';
import { encodingOf } from '../registry/encoding.ts';
import { makeResource, type Resource } from '../registry/resource.ts';
import { ObjectStore } from '../registry/store.ts';
import { Writer } from '../registry/writer.ts';
import type { RequestContext } from '../request/context.ts';
import { parseRequest } from '../request/info.ts';
import { WriteHandlers } from '../rest/write.ts';
import { handleScale } from './scale.ts';

const kind = Deployments as never;
const DEPLOYMENTS = '/apis/apps/v1/namespaces/ns/deployments';
const labels = { app: 'd' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
const applied = { replicas: 3, selector: { matchLabels: labels }, template };
const scaleOf = (spec: object, metadata = {}) => ({ apiVersion: 'autoscaling/v1', kind: 'Scale', spec, metadata });

let resource: Resource;
let apply: (path: string, body: object) => Promise<Stored<Deployment>>;

/** A Deployment "d" of three replicas, applied as a whole by the manager "owner". */
beforeEach(async () => {
  const clock = new FakeClock();
  const storage = memoryStorage(clock);
  resource = makeResource(kind, { get: () => undefined } as unknown as ResourceCache, encodingOf(kind));
  const writes = new WriteHandlers(new Writer({ storage, clock, admission: admissionChain([]), hooks: [] }));
  apply = async (path, body) => {
    const { info, query } = parseRequest('PATCH', `${DEPLOYMENTS}/${path}`);
    const ctx: RequestContext = {
      ...{ info, query, warnings: [], user: { name: 'u', groups: [] }, body: Buffer.from(JSON.stringify(body)) },
      headers: { 'content-type': 'application/apply-patch+yaml' },
    };
    if (info.subresource === '') await writes.patch(ctx, resource);
    else await handleScale(ctx, resource, writes);
    return (await new ObjectStore(resource, storage).read('ns/d', 'd')).object as Stored<Deployment>;
  };
  await apply('d?fieldManager=owner', { apiVersion: 'apps/v1', kind: 'Deployment', spec: applied });
});

/** Who owns the replicas: manager, operation and subresource. */
const owners = ({ metadata }: Stored<Deployment>) =>
  (metadata.managedFields ?? [])
    .filter((e) => (e.fieldsV1 as { 'f:spec'?: object })?.['f:spec']?.['f:replicas' as never])
    .map((e) => [e.manager, e.operation, e.apiVersion, e.subresource]);

describe('server-side apply of a scale', () => {
  test('whose replicas they are is said in the object; others are asked to force', async () => {
    await expect(apply('d/scale?fieldManager=scaler', scaleOf({ replicas: 5 }))).rejects.toMatchObject({
      status: { code: 409, message: 'Apply failed with 1 conflict: conflict with "owner": .spec.replicas' },
    });
    const forced = await apply('d/scale?fieldManager=scaler&force=true', scaleOf({ replicas: 5 }));
    expect([forced.spec?.replicas, forced.metadata.generation, owners(forced)]).toEqual([
      ...[5, 2],
      [['scaler', 'Apply', 'apps/v1', 'scale']],
    ]);
    expect(forced.spec?.template?.spec?.containers).toHaveLength(1);

    const again = await apply('d/scale?fieldManager=scaler', scaleOf({ replicas: 5 }));
    expect(again.metadata).toEqual(forced.metadata);
    await expect(
      apply('d?fieldManager=owner', { apiVersion: 'apps/v1', kind: 'Deployment', spec: applied }),
    ).rejects.toMatchObject({ status: { code: 409, message: expect.stringContaining('with subresource "scale"') } });
  });

  test('the same number by two managers belongs to both; one that says none takes none over', async () => {
    const none = await apply('d/scale?fieldManager=scaler', scaleOf({}));
    expect([none.spec?.replicas, owners(none)]).toEqual([3, [['owner', 'Apply', 'apps/v1', undefined]]]);
    const both = await apply('d/scale?fieldManager=scaler', scaleOf({ replicas: 3 }));
    expect(owners(both)).toHaveLength(2);
  });

  test('replicas that their only manager leaves out are none', async () => {
    await apply('d/scale?fieldManager=scaler&force=true', scaleOf({ replicas: 5 }));
    const left = await apply('d/scale?fieldManager=scaler', scaleOf({}));
    expect([left.spec?.replicas, owners(left)]).toEqual([0, []]);
  });

  test.each<[string, string, object, number]>([
    ['of nothing', 'e/scale?fieldManager=m', scaleOf({ replicas: 1 }), 404],
    ['without a manager', 'd/scale', scaleOf({ replicas: 1 }), 422],
    ['below zero', 'd/scale?fieldManager=m&force=1', scaleOf({ replicas: -1 }), 422],
    ['of another kind', 'd/scale?fieldManager=m', { apiVersion: 'apps/v1', kind: 'Deployment' }, 400],
    ['of another object', 'd/scale?fieldManager=m', scaleOf({ replicas: 3 }, { uid: 'x' }), 409],
    ['of another version', 'd/scale?fieldManager=m', scaleOf({ replicas: 3 }, { resourceVersion: '7777' }), 409],
    ['of another name', 'd/scale?fieldManager=m', scaleOf({ replicas: 3 }, { name: 'x' }), 400],
    ['of another namespace', 'd/scale?fieldManager=m', scaleOf({ replicas: 3 }, { namespace: 'x' }), 400],
  ])('%s is refused', async (_what, path, body, code) => {
    await expect(apply(path, body)).rejects.toMatchObject({ status: { code } });
  });
});
