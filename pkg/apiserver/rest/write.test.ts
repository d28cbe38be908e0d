import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Kind } from '#api/kind.ts';
import { ConfigMaps, Events, HorizontalPodAutoscalers, Leases } from '#api/kinds/index.ts';
import { HorizontalPodAutoscalersV1 } from '#api/kinds/versions/autoscaler.ts';
import { EventsV1 } from '#api/kinds/versions/event.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { memoryStorage } from '#storage/memory/memory.ts';
import type { Storage } from '#storage/storage.ts';
import { type Attributes, admissionChain } from '../admission/types.ts';
import type { ResourceCache } from '../cache/types.ts';
import { encodingOf } from '../registry/encoding.ts';
import { makeResource, makeView, type Resource } from '../registry/resource.ts';
import { Writer } from '../registry/writer.ts';
import type { RequestContext } from '../request/context.ts';
import { parseRequest } from '../request/info.ts';
import { WriteHandlers } from './write.ts';

const nothingCached = { get: () => undefined } as unknown as ResourceCache;
const resourceOf = (kind: unknown): Resource => makeResource(kind as Kind, nothingCached, encodingOf(kind as Kind));
/** Leases that may be written whatever their version. */
const leases = resourceOf({ ...Leases, needsVersion: false });

let storage: Storage;
let writes: WriteHandlers;
/** What admission was asked about. */
let asked: string[];
let admit: (a: Attributes) => void | Promise<void>;
beforeEach(() => {
  const clock = new FakeClock();
  storage = memoryStorage(clock);
  asked = [];
  admit = (a) => void asked.push(a.operation);
  const admission = admissionChain([{ name: 'Scribe', admit: (a) => admit(a) }]);
  writes = new WriteHandlers(new Writer({ storage, clock, admission, hooks: [] }));
});

/** Puts an object "o" in namespace "ns". */
async function put(
  resource: Resource,
  { metadata, ...rest }: { metadata?: object; readonly [field: string]: unknown },
  { allowed = async () => {}, query = '' } = {},
) {
  const { group, version, plural } = resource.kind;
  const { info, query: options } = parseRequest(
    'PUT',
    `${group ? `/apis/${group}` : '/api'}/${version}/namespaces/ns/${plural}/o?${query}`,
  );
  const body = Buffer.from(JSON.stringify({ metadata: { name: 'o', ...metadata }, ...rest }));
  const user = { name: 'u', groups: [] };
  const ctx: RequestContext = { info, query: options, warnings: [], user, body, headers: {} };
  const { code, body: answer } = await writes.update(ctx, resource, allowed);
  return { code, object: JSON.parse(String(answer)) };
}

const held = (by: string, metadata: object = {}) => ({ metadata, spec: { holderIdentity: by } });

describe('PUT of what is not there', () => {
  test('creates it, as a creation does, and then changes it', async () => {
    const made = await put(leases, held('a'));
    expect([made.code, made.object.metadata.name, made.object.metadata.namespace]).toEqual([201, 'o', 'ns']);
    const { uid, creationTimestamp } = made.object.metadata;
    expect([typeof uid, typeof creationTimestamp]).toEqual(['string', 'string']);
    const changed = await put(leases, held('b'));
    expect([changed.code, changed.object.metadata.uid, changed.object.spec]).toEqual([200, uid, held('b').spec]);
    expect(asked).toEqual(['CREATE', 'UPDATE']);
  });

  test('is a 404 for most kinds, whose permission to be created is not asked for', async () => {
    const allowed = vi.fn(async () => {});
    await expect(put(resourceOf(ConfigMaps), {}, { allowed })).rejects.toMatchObject({ status: { code: 404 } });
    expect(allowed).not.toHaveBeenCalled();
  });

  test('is what the permission to create it says', async () => {
    const allowed = () => Promise.reject(errors.forbiddenPath('no'));
    await expect(put(leases, held('a'), { allowed })).rejects.toMatchObject({ status: { code: 403 } });
    expect(asked).toEqual([]);
  });

  test.each([{ uid: 'x' }, { resourceVersion: '7' }])('is a conflict for who means %j', async (metadata) => {
    await expect(put(leases, { metadata })).rejects.toMatchObject({ status: { code: 409, reason: 'Conflict' } });
  });

  test('creates nothing in a dry run', async () => {
    expect((await put(leases, held('a'), { query: 'dryRun=All' })).code).toBe(201);
    expect(await storage.get(`${leases.prefix}ns/o`)).toBeUndefined();
  });

  test('changes what somebody else creates meanwhile', async () => {
    admit = async (a) => {
      asked.push(a.operation);
      if (a.operation === 'CREATE') await storage.create(`${leases.prefix}ns/o`, theirs);
    };
    const theirs = Buffer.from(JSON.stringify({ metadata: { name: 'o', namespace: 'ns', uid: 'theirs' } }));
    const { code, object } = await put(leases, held('a'));
    expect([code, object.metadata.uid, object.spec]).toEqual([200, 'theirs', held('a').spec]);
    expect(asked).toEqual(['CREATE', 'UPDATE']);
  });

  test('that admission misses something else is no reason to create', async () => {
    await put(leases, held('a'));
    const missing = errors.notFound({ group: '', plural: 'namespaces', kind: 'Namespace' }, 'o');
    admit = () => {
      throw missing;
    };
    const allowed = vi.fn(async () => {});
    await expect(put(leases, held('b'), { allowed })).rejects.toBe(missing);
    expect(allowed).not.toHaveBeenCalled();
  });

  test('creates it through any of its versions', async () => {
    if (!EventsV1.storedAs) throw new Error('not a further version');
    const resource = makeView(EventsV1 as never, EventsV1.storedAs as never, resourceOf(Events));
    const event = {
      ...{ eventTime: '2026-01-01T00:00:00.000000Z', reportingController: 'c.io/c', reportingInstance: 'i' },
      ...{ action: 'Go', reason: 'Because', type: 'Normal', regarding: { kind: 'Pod', name: 'p', namespace: 'ns' } },
    };
    expect((await put(resource, event)).code).toBe(201);
    expect((await put(resource, { ...event, note: 'again' })).code).toBe(200);
  });
});

describe('PUT of what is there', () => {
  const strict = resourceOf(Leases);
  const refused = (code: number, message: string) => ({ status: { code, message: expect.stringContaining(message) } });

  test.each<[string, object, ReturnType<typeof refused>]>([
    ['without a name', { name: '' }, refused(400, 'name must be provided')],
    ['by another name', { name: 'x' }, refused(400, 'does not match the name on the URL')],
    ['without its version', {}, refused(422, 'metadata.resourceVersion: Invalid value: 0x0: must be specified')],
    ['at any version', { resourceVersion: '0' }, refused(422, 'leases.coordination.k8s.io "o" is invalid')],
    ['at another version', { resourceVersion: '7' }, refused(409, 'the object has been modified')],
  ])('%s is refused', async (_what, metadata, how) => {
    await put(strict, held('a'));
    await expect(put(strict, held('b', metadata))).rejects.toMatchObject(how);
  });

  test('goes by its version; most kinds need none, and "0" is none', async () => {
    const { resourceVersion } = (await put(strict, held('a'))).object.metadata;
    expect((await put(strict, held('b', { resourceVersion }))).object.spec).toEqual(held('b').spec);
    expect((await put(leases, held('c', { resourceVersion: '0' }))).object.spec).toEqual(held('c').spec);
  });

  test.each<[object, string]>([
    [
      { deletionTimestamp: '2026-01-01T00:00:00Z' },
      'metadata.deletionTimestamp: Invalid value: "2026-01-01T00:00:00Z"',
    ],
    [{ deletionGracePeriodSeconds: 5 }, 'metadata.deletionGracePeriodSeconds: Invalid value: 5: field is immutable'],
  ])('begins no deletion with %j', async (metadata, text) => {
    await put(leases, held('a'));
    await expect(put(leases, held('b', metadata))).rejects.toMatchObject(refused(422, text));
  });
});

describe('a write through a further version', () => {
  const stored = resourceOf(HorizontalPodAutoscalers);
  const view = makeView(
    { ...HorizontalPodAutoscalersV1, createOnUpdate: true } as never,
    HorizontalPodAutoscalersV1.storedAs as never,
    stored,
  );
  const spec = (maxReplicas: number, more: object = {}) => ({
    spec: { maxReplicas, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' }, ...more },
  });
  const owned = ({ metadata }: KubeObject) =>
    metadata?.managedFields?.map(({ apiVersion, fieldsV1 }) => {
      const fields = Object.keys((fieldsV1 as { 'f:spec'?: object } | undefined)?.['f:spec'] ?? {});
      return [apiVersion, fields.filter((f) => /metrics|CPU|max/.test(f)).sort()];
    });

  test('is owned by the names of that version', async () => {
    const { object } = await put(view, spec(3, { targetCPUUtilizationPercentage: 50 }));
    expect(owned(object)).toEqual([['autoscaling/v1', ['f:maxReplicas', 'f:targetCPUUtilizationPercentage']]]);
    const target = { type: 'Utilization', averageUtilization: 50 };
    const metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
    const v2 = await put(stored, spec(4, { metrics }));
    expect(owned(v2.object)).toEqual([
      ['autoscaling/v1', ['f:targetCPUUtilizationPercentage']],
      ['autoscaling/v2', ['f:maxReplicas']],
    ]);
  });
});
