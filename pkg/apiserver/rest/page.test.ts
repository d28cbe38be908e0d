import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Kind } from '#api/kind.ts';
import { ConfigMaps } from '#api/kinds/index.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import { memoryStorage } from '#storage/memory/memory.ts';
import type { Storage } from '#storage/storage.ts';
import { RegistryCache } from '../cache/registry-cache.ts';
import { encodingOf } from '../registry/encoding.ts';
import { makeResource, type Resource } from '../registry/resource.ts';
import { decodeContinue, encodeContinue, NOW } from './continue.ts';
import type { Selection } from './filters.ts';
import { type Page, pageOf } from './page.ts';

const kind = ConfigMaps as unknown as Kind;
const ALL: Selection = { keyPrefix: 'ns/' };
const EVEN: Selection = { keyPrefix: 'ns/', match: (o) => o.metadata.labels?.even === 'yes' };

interface Bed {
  readonly storage: Storage;
  readonly resource: Resource;
  write(name: string, present: boolean): Promise<void>;
}

/** A resource whose cache remembers `events` events; what is older has to come from the store. */
async function bed(events: number): Promise<Bed> {
  const clock = new FakeClock();
  const storage = memoryStorage(clock);
  const cache = new RegistryCache({ storage, clock, logger: silentLogger, limits: { events, bytes: 1 << 20 } });
  const encoding = encodingOf(kind);
  const cached = cache.resource({ group: '', plural: 'configmaps', apiVersion: 'v1', kind: 'ConfigMap', encoding });
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  await cache.start(stop.signal);
  const resource = makeResource(kind, cached, encoding);
  let n = 0;
  return {
    storage,
    resource,
    async write(name, present) {
      const key = `${resource.prefix}ns/${name}`;
      const labels = { even: n++ % 2 === 0 ? 'yes' : 'no' };
      if (present) await storage.put(key, encoding.encode({ metadata: { name, labels } }));
      else {
        const kv = await storage.get(key);
        if (kv) await storage.delete(key, kv.modRevision);
      }
    },
  };
}

const options = (over: Partial<Parameters<typeof pageOf>[2]>) => ({
  limit: 0,
  token: undefined,
  revision: undefined,
  exact: false,
  ...over,
});
const shown = (p: Page): string[] => p.entries.map((e) => `${e.key}@${e.revision}`);

const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
const writes = fc.array(fc.tuple(names, fc.boolean()), { maxLength: 12 });

test('the pages of a list are one state, from memory or from the store', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        events: fc.integer({ min: 1, max: 40 }),
        limit: fc.integer({ min: 1, max: 4 }),
        selection: fc.constantFrom(ALL, EVEN),
        before: writes,
        between: fc.array(writes, { maxLength: 4 }),
      }),
      async ({ events, limit, selection, before, between }) => {
        const { storage, resource, write } = await bed(events);
        for (const [name, present] of before) await write(name, present);
        const whole = await pageOf(resource, selection, options({}), storage);
        let page = await pageOf(resource, selection, options({ limit }), storage);
        const seen = shown(page);
        for (let i = 0; page.more; i++) {
          expect(page.entries).toHaveLength(limit);
          for (const [name, present] of between[i] ?? []) await write(name, present);
          const left = page.remaining;
          page = await pageOf(resource, selection, options({ limit, token: page.more }), storage);
          if (left !== undefined) expect((page.remaining ?? 0) + page.entries.length).toBe(left);
          seen.push(...shown(page));
        }
        expect(seen).toEqual(shown(whole));
        expect(page.revision).toBe(whole.revision);
        const exact = options({ revision: whole.revision, exact: true });
        expect(shown(await pageOf(resource, selection, exact, storage))).toEqual(shown(whole));
      },
    ),
    { numRuns: 200 },
  );
});

describe('history that is gone', () => {
  test('a token gets another one for the present, a version does not', async () => {
    const { storage, resource, write } = await bed(1);
    for (const name of ['a', 'b', 'c']) await write(name, true);
    const first = await pageOf(resource, ALL, options({ limit: 1 }), storage);
    for (const name of ['b', 'd']) await write(name, true);
    await storage.compact(await storage.currentRevision());
    const expired = await pageOf(resource, ALL, options({ limit: 1, token: first.more }), storage).catch((e) => e);
    expect(expired).toMatchObject({ status: { code: 410, reason: 'Expired' } });
    const token = expired.status.metadata.continue;
    expect(decodeContinue(token)).toEqual({ revision: NOW, after: 'ns/a' });
    const rest = await pageOf(resource, ALL, options({ token }), storage);
    expect(rest.entries.map((e) => e.key)).toEqual(['ns/b', 'ns/c', 'ns/d']);
    const exact = options({ revision: first.revision, exact: true });
    await expect(pageOf(resource, ALL, exact, storage)).rejects.toThrow('is too old');
  });

  test('a token cannot name keys outside its namespace', async () => {
    const { storage, resource } = await bed(1);
    const token = encodeContinue({ revision: 1, after: 'a/x' });
    await expect(pageOf(resource, ALL, options({ token }), storage)).rejects.toThrow('continue key is not valid');
  });
});
