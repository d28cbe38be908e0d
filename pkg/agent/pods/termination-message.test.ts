import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { Container } from '#api/kinds/index.ts';
import type { ContainerRecord, Runtime } from '../runtime/types.ts';
import { readMessage } from './termination-message.ts';

const container = { name: 'main', terminationMessagePolicy: 'FallbackToLogsOnError' } as Container;
const failed = { id: 'c', name: 'main', attempt: 0, state: 'exited', exitCode: 1 } as ContainerRecord;
const withLog = (stream: Readable): Runtime =>
  ({ logs: async () => ({ stream, multiplexed: false }) }) as unknown as Runtime;

test('the end of the log stands in for the last words of a container that failed', async () => {
  const runtime = withLog(Readable.from([Buffer.from('one\n'), Buffer.from('two\n')], { objectMode: false }));
  expect(await readMessage('/nowhere', container, failed, runtime)).toBe('one\ntwo\n');
});

test('a log that cannot be read is no message, and ends nothing else', async () => {
  const broken = async function* (): AsyncGenerator<Buffer> {
    yield Buffer.from('one\n');
    throw new Error('too many open files');
  };
  const runtime = withLog(Readable.from(broken(), { objectMode: false }));
  expect(await readMessage('/nowhere', container, failed, runtime)).toBe('');
});
