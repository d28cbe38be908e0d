import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { Container, Pod } from '#api/kinds/index.ts';
import type { ContainerRecord, Runtime } from '../runtime/types.ts';
import type { RuntimeView } from '../runtime/view.ts';
import { LastWords, prepareMessage, readMessage } from './termination-message.ts';

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

test.each([
  [1, 4096],
  [3, 4096],
  [4, 3072],
  [13, 945],
])('the messages of %i containers have room in one status: %i bytes of each', async (count, bytes) => {
  const podDir = await mkdtemp(join(tmpdir(), 'words-'));
  try {
    const containers = Array.from({ length: count }, (_, n) => ({ name: `c${n}` }) as Container);
    const [said] = containers as [Container];
    const record = { ...failed, id: 'c0', name: 'c0' } as ContainerRecord;
    const { source } = await prepareMessage(podDir, said, 0);
    await writeFile(source, 'x'.repeat(5000));
    const view = { pod: () => ({ containers: new Map([['c0', [record]]]) }), byId: () => record };
    const words = new LastWords();
    const pod = { metadata: { uid: 'u' }, spec: { containers } } as Pod;
    await words.read(pod, view as unknown as RuntimeView, { podDir, runtime: {} as Runtime });
    expect(words.of('c0')).toBe('x'.repeat(bytes));
  } finally {
    await rm(podDir, { recursive: true, force: true });
  }
});
