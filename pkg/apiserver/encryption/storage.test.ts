import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '#async/clock.ts';
import { silentLogger } from '#process/logger.ts';
import { memoryStorage } from '#storage/memory/memory.ts';
import { RegistryCache } from '../cache/registry-cache.ts';
import { aescbc, aesgcm, identity, type Provider, secretbox } from './providers.ts';
import { EncryptedStorage } from './storage.ts';

const SECRETS = { group: '', plural: 'secrets', apiVersion: 'v1', kind: 'Secret' };
const PREFIX = '/registry/core/secrets/';
const provider = (name: string) => aesgcm({ name, bytes: randomBytes(32) });
const rules = (...providers: Provider[]) => [{ resources: ['secrets'], providers }];
const secret = (name: string): Buffer => Buffer.from(JSON.stringify({ metadata: { name } }));

test('what another server wrote with a key that this one learns later is seen from then on', async () => {
  const [first, second] = [provider('first'), provider('second')];
  const store = memoryStorage();
  const other = new EncryptedStorage(store, rules(second, first));
  const storage = new EncryptedStorage(store, rules(first));
  const cache = new RegistryCache({ storage, clock: systemClock, logger: silentLogger });
  storage.onOtherKeys(() => cache.readAgain());
  const secrets = cache.resource(SECRETS);
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  await other.create(`${PREFIX}ns/before`, secret('before'));
  await cache.start(stop.signal);
  await storage.create(`${PREFIX}ns/own`, secret('own'));
  await other.create(`${PREFIX}ns/later`, secret('later'));
  await other.create(`${PREFIX}ns/gone`, secret('gone'));
  await secrets.consistent(30_000);
  const names = (): string[] => secrets.list('').map((e) => e.key);
  expect(names()).toEqual(['ns/own']);
  const ended = vi.fn();
  secrets.watch(secrets.revision, { event: () => {}, end: ended });

  storage.use(rules(second, first));
  await vi.waitFor(() => expect(names()).toEqual(['ns/before', 'ns/gone', 'ns/later', 'ns/own']), { timeout: 30_000 });
  // Watchers look anew at what is there: no event tells of it.
  expect(ended).toHaveBeenCalledOnce();

  // Nothing is missing now: nobody is disturbed.
  const again = vi.fn();
  secrets.watch(secrets.revision, { event: () => {}, end: again });
  storage.use(rules(second));
  await storage.create(`${PREFIX}ns/new`, secret('new'));
  await vi.waitFor(() => expect(names()).toContain('ns/new'), { timeout: 30_000 });
  expect(again).not.toHaveBeenCalled();
});

const named = (make: typeof aesgcm, name: string, fill = 1): Provider => make({ name, bytes: Buffer.alloc(32, fill) });

test.each<[string, Provider, Provider[]]>([
  ['no matching prefix found', named(aesgcm, 'a'), [identity]],
  ['no matching prefix found', named(aesgcm, 'a'), [named(aescbc, 'a'), identity]],
  ['no matching prefix found', identity, [named(secretbox, 'a')]],
  ['no matching key was found for the provided AES transformer', named(aesgcm, 'a'), [identity, named(aesgcm, 'b')]],
  ['no matching key was found for the provided AES transformer', named(aescbc, 'a'), [named(aescbc, 'b'), identity]],
  ['no matching key was found for the provided Secretbox transformer', named(secretbox, 'a'), [named(secretbox, 'b')]],
  ['cipher: message authentication failed', named(aesgcm, 'a'), [named(aesgcm, 'b'), named(aesgcm, 'a', 2), identity]],
  ['cipher: message authentication failed', named(secretbox, 'a'), [named(secretbox, 'a', 2)]],
])('what cannot be read says why: %s', async (why, wrote, reads) => {
  const store = memoryStorage();
  const key = `${PREFIX}ns/s`;
  await new EncryptedStorage(store, rules(wrote)).create(key, secret('s'));
  const words = `unable to transform key "${key}": ${why}`;
  await expect(new EncryptedStorage(store, rules(...reads)).get(key)).rejects.toThrow(words);
});
