import { beforeEach, describe, expect, test } from 'vitest';
import type { Kind } from '#api/kind.ts';
import { type Lease, Leases } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { memoryStorage } from '#storage/memory/memory.ts';
import type { Storage } from '#storage/storage.ts';
import { admissionChain } from '../admission/types.ts';
import type { ResourceCache } from '../cache/types.ts';
import { Deleter } from '../registry/deleter.ts';
import { encodingOf } from '../registry/encoding.ts';
import { makeResource, type ResourceTable } from '../registry/resource.ts';
import { Writer } from '../registry/writer.ts';
import { WriteHandlers } from '../rest/write.ts';
import { type IdentityDeps, identityOf, ServerIdentity } from './identity.ts';
import { systemTarget } from './target.ts';

const NAME = identityOf('host');
let clock: FakeClock;
let storage: Storage;
let deps: IdentityDeps;
const kind = Leases as unknown as Kind;

/** As it is stored, with its version. @throws Error when it is gone */
async function lease(name: string): Promise<Stored<Lease>> {
  const { prefix } = deps.resources.of(kind);
  const found = await storage.get(`${prefix}kube-system/${name}`);
  if (!found) throw new Error(`no lease ${name}`);
  const o = JSON.parse(String(found.value)) as Stored<Lease>;
  return { ...o, metadata: { ...o.metadata, resourceVersion: String(found.modRevision) } };
}

beforeEach(() => {
  clock = new FakeClock();
  storage = memoryStorage(clock);
  const list = () => listed;
  const cache = { get: () => undefined, list } as unknown as ResourceCache;
  const resource = makeResource(kind, cache, encodingOf(kind));
  const resources = { of: () => resource } as unknown as ResourceTable;
  const writer = new Writer({ storage, clock, admission: admissionChain([]), hooks: [] });
  deps = { resources, writer, writes: new WriteHandlers(writer), deleter: new Deleter(writer), clock };
});
let listed: { object: Stored<Lease> }[] = [];

describe('the identity of a server', () => {
  test('is the hash of its name', () => {
    expect(NAME).toMatch(/^apiserver-[a-z2-7]{26}$/);
    expect(identityOf('other')).not.toBe(NAME);
  });

  test('is a lease, which it keeps, and which its successor takes over', async () => {
    const first = new ServerIdentity(deps, 'host');
    await first.renew();
    const made = await lease(NAME);
    expect(made.metadata.labels).toEqual({
      'apiserver.kubernetes.io/identity': 'kube-apiserver',
      'kubernetes.io/hostname': 'host',
    });
    expect(made.spec).toMatchObject({
      leaseDurationSeconds: 3600,
      holderIdentity: expect.stringContaining(`${NAME}_`),
    });
    await clock.advance(10_000);
    await first.renew();
    const kept = await lease(NAME);
    expect([kept.spec?.holderIdentity, kept.metadata.uid]).toEqual([made.spec?.holderIdentity, made.metadata.uid]);
    expect(kept.spec?.renewTime).not.toBe(made.spec?.renewTime);
    await new ServerIdentity(deps, 'host').renew();
    const taken = await lease(NAME);
    expect(taken.metadata.uid).toBe(made.metadata.uid);
    expect(taken.spec?.holderIdentity).not.toBe(made.spec?.holderIdentity);
  });

  test('is collected once it has not been renewed for an hour; leases of others stay', async () => {
    const identity = new ServerIdentity(deps, 'host');
    await identity.renew();
    const other = systemTarget(deps.resources.of(kind), 'other', 'kube-system');
    await deps.writer.create(other, { metadata: { name: 'other' }, spec: (await lease(NAME)).spec } as never);
    listed = [{ object: await lease(NAME) }, { object: await lease('other') }];
    await clock.advance(3_599_000);
    await identity.collect();
    await lease(NAME);
    await clock.advance(2_000);
    await identity.collect();
    await expect(lease(NAME)).rejects.toThrow(NAME);
    await lease('other');
  });
});
