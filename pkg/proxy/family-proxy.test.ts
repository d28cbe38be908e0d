import { expect, test, vi } from 'vitest';
import type { Exec } from '#process/exec.ts';
import { silentLogger } from '#process/logger.ts';
import { FamilyProxy } from './family-proxy.ts';
import { servicePort, table } from './table/fixtures.ts';
import type { ProxyBackend } from './table/types.ts';

const exec = async () => ({ code: 0, stdout: '', stderr: '' });
function proxy(always: boolean, whole = true, run: Exec = exec) {
  const done: string[] = [];
  const mode = (name: string): ProxyBackend => ({
    ...{ name, announcing: 'route' },
    apply: async ({ ports }) => void done.push(`${name} ${ports.length}`),
    intact: async () => whole,
    cleanup: async () => void done.push(`no ${name}`),
  });
  const modes = { family: 'IPv6', backend: mode('ours'), others: [mode('other')], always } as const;
  return { family: new FamilyProxy(modes, { exec: run, logger: silentLogger }), done };
}
const six = servicePort({ clusterIP: 'fd00:96::7' });

test('a family that nobody uses gets no rules, and loses those of former times, once', async () => {
  const { family, done } = proxy(false, false);
  await family.sync(table(), undefined);
  await family.sync(table(), undefined);
  expect([done, await family.intact()]).toEqual([['no ours', 'no other'], true]);
});

test('from its first Service on it is kept, also when that goes', async () => {
  const { family, done } = proxy(false, false);
  await family.sync(table(six), undefined);
  await family.sync(table(), undefined);
  expect([done, await family.intact()]).toEqual([['ours 1', 'no other', 'ours 0'], false]);
});

test('one that is always wanted has rules from the beginning', async () => {
  const { family, done } = proxy(true);
  await family.sync(table(), undefined);
  expect(done).toEqual(['ours 0', 'no other']);
});

test('what of another mode cannot be removed does not keep this one from working', async () => {
  const { family, done } = proxy(true);
  const broken: ProxyBackend = {
    ...{ name: 'broken', announcing: 'route' },
    apply: async () => {},
    intact: async () => true,
    cleanup: () => Promise.reject(new Error('no such program')),
  };
  const other = new FamilyProxy(
    { family: 'IPv6', backend: broken, others: [broken], always: true },
    { exec, logger: silentLogger },
  );
  await other.sync(table(six), undefined);
  await expect(other.cleanup()).rejects.toThrow('no such program');
  await family.cleanup();
  expect(done).toEqual(['no ours', 'no other']);
});

test('rules do not wait for flows to be forgotten, and flows that could not be listed are looked at again', async () => {
  const listing = Promise.withResolvers<Awaited<ReturnType<Exec>>>();
  let asked = 0;
  const { family, done } = proxy(true, true, (command) => {
    if (command !== 'conntrack') return exec();
    asked++;
    return listing.promise;
  });
  await family.sync(table(servicePort({ ...six, protocol: 'udp' })), undefined);
  expect([done, asked]).toEqual([['ours 1', 'no other'], 1]);
  listing.reject(new Error('busy'));
  await vi.waitFor(async () => {
    await family.intact();
    expect(asked).toBeGreaterThan(1);
  });
});
