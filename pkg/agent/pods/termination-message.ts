import { chmod, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod } from '#api/kinds/index.ts';
import { LogText } from '../runtime/demux.ts';
import type { ContainerRecord, Mount, Runtime } from '../runtime/types.ts';
import type { PodRuntime, RuntimeView } from '../runtime/view.ts';
import { allContainers } from './containers.ts';

const DEFAULT_PATH = '/dev/termination-log';
const MAX_BYTES = 4096;
/** What the messages of all containers of a pod may have together, in equal parts. */
const POD_BYTES = 12 * 1024;
/** What of the log stands in for a message: at most so many lines, and so many bytes of them. */
const LOG_LINES = 80;
const LOG_BYTES = 2048;
const LOG_TIMEOUT_MS = 2000;

const fileOf = (podDir: string, name: string, attempt: number): string =>
  join(podDir, 'containers', name, `message-${attempt}`);

/** Makes the file in which a container can leave its last words. @returns where it is mounted */
export async function prepareMessage(podDir: string, c: Container, attempt: number): Promise<Mount> {
  const source = fileOf(podDir, c.name, attempt);
  await mkdir(join(podDir, 'containers', c.name), { recursive: true });
  await (await open(source, 'a')).close();
  // Of older attempts than the last one nothing is told any more.
  await rm(fileOf(podDir, c.name, attempt - 2), { force: true });
  // Any user of the container may write to it.
  await chmod(source, 0o666);
  return { source, target: c.terminationMessagePath || DEFAULT_PATH, readOnly: false };
}

async function head(path: string): Promise<string> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return '';
  try {
    const buffer = Buffer.alloc(MAX_BYTES);
    const { bytesRead } = await file.read(buffer, 0, MAX_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

async function endOfLog(runtime: Runtime, id: string): Promise<string> {
  const limit = AbortSignal.timeout(LOG_TIMEOUT_MS);
  const request = { follow: false, timestamps: false, tail: LOG_LINES, stdout: true, stderr: true };
  const { stream, multiplexed } = await runtime.logs(id, request, limit);
  let text = '';
  const log = new LogText(multiplexed);
  // A pipe passes no failure on.
  stream.on('error', (e) => log.destroy(e));
  for await (const chunk of stream.pipe(log)) {
    text = (text + (chunk as Buffer).toString()).slice(-LOG_BYTES);
  }
  return text;
}

/** What a container that ended has to say ("Determine the Reason for Pod Failure"). Never throws. */
export async function readMessage(podDir: string, c: Container, r: ContainerRecord, runtime: Runtime): Promise<string> {
  const text = await head(fileOf(podDir, c.name, r.attempt)).catch(() => '');
  if (text || r.exitCode === 0 || r.error || c.terminationMessagePolicy !== 'FallbackToLogsOnError') return text;
  return endOfLog(runtime, r.id).catch(() => '');
}

/** The part of a message that a status has room for. */
function fitting(text: string, containers: number): string {
  const most = Math.floor(POD_BYTES / containers);
  const bytes = Buffer.from(text);
  return bytes.length > most ? bytes.toString('utf8', 0, most) : text;
}

/** The termination messages of one pod's containers, each read once. */
export class LastWords {
  readonly #byId = new Map<string, string>();

  /** Of a container by the id of its record; '' when it said nothing. */
  of(recordId: string): string {
    return this.#byId.get(recordId) ?? '';
  }

  /** Containers that ended and were not heard yet. */
  missing(pod: Pod, runtime: PodRuntime): (readonly [Container, ContainerRecord])[] {
    return allContainers(pod).flatMap((c) =>
      (runtime.containers.get(c.name) ?? [])
        .filter((r) => r.state === 'exited' && !this.#byId.has(r.id))
        .map((r) => [c, r] as const),
    );
  }

  async read(
    pod: Pod,
    view: Pick<RuntimeView, 'pod' | 'byId'>,
    from: { podDir: string; runtime: Runtime },
  ): Promise<void> {
    const containers = allContainers(pod).length;
    for (const [c, r] of this.missing(pod, view.pod(pod.metadata?.uid ?? '')))
      this.#byId.set(r.id, fitting(await readMessage(from.podDir, c, r, from.runtime), containers));
    for (const id of this.#byId.keys()) if (!view.byId(id)) this.#byId.delete(id);
  }
}
