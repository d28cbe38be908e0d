import { expect, onTestFinished, test, vi } from 'vitest';
import { errors } from '#api/meta/errors.ts';
import { FakeClock } from '#async/fake-clock.ts';
import { silentLogger } from '#process/logger.ts';
import type { ResourceTable } from '../registry/resource.ts';
import type { Writer } from '../registry/writer.ts';
import { Registration } from './registration.ts';

test('what could not be registered at the start is, later', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const create = vi.fn().mockRejectedValueOnce(errors.unavailable('etcd is not answering'));
  const resources = {
    all: () => [{ kind: { group: 'apps', version: 'v1' } }],
    of: () => ({ cache: { list: () => [] } }),
    onChange: () => {},
  } as unknown as ResourceTable;
  const writer = { create } as unknown as Writer;
  const registration = new Registration({ resources, writer, deleter: {} as never, clock, logger: silentLogger });
  registration.start(stop.signal);
  await clock.advance(1000);
  expect(create).toHaveBeenCalledOnce();
  await clock.advance(60_000);
  expect(create).toHaveBeenCalledTimes(2);
  // Whoever deletes it afterwards has his will.
  await clock.advance(120_000);
  expect(create).toHaveBeenCalledTimes(2);
});
