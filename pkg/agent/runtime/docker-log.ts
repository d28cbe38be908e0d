import { access, constants } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { systemClock } from '#async/clock.ts';
import { jsonLog } from './json-log.ts';
import type { LogRequest } from './types.ts';

export interface LogStream {
  readonly stream: Readable;
  /** In frames, see demux.ts. */
  readonly multiplexed: boolean;
}

/** While Docker is away it is not known whether the container is. */
const RETRY_MS = 1_000;

/** Resolves when a container does not run any more, or the signal aborts. */
async function ended(container: Docker.Container, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await container.wait({ condition: 'not-running', abortSignal: signal });
      return;
    } catch (e) {
      if ((e as { statusCode?: number }).statusCode === 404) return;
      await systemClock.sleep(RETRY_MS, signal).catch(() => {});
    }
  }
}

/** As Docker tells it, where its files cannot be reached. */
async function told(container: Docker.Container, r: LogRequest, signal: AbortSignal): Promise<Readable> {
  const options = {
    stdout: r.stdout,
    stderr: r.stderr,
    timestamps: r.timestamps,
    ...(r.tail === undefined ? {} : { tail: r.tail }),
    ...(r.since === undefined ? {} : { since: r.since }),
  };
  // Without follow the daemon answers with the whole text at once; it is bounded by the rotation of logs.
  return r.follow
    ? ((await container.logs({ ...options, follow: true, abortSignal: signal })) as unknown as Readable)
    : Readable.from([await container.logs({ ...options, follow: false, abortSignal: signal })]);
}

const readable = (path: string): Promise<boolean> =>
  access(path, constants.R_OK).then(
    () => true,
    () => false,
  );

/**
 * The log of a container, from its files. Followed, it ends with the container or the signal.
 * @param atNode where this process sees a path of the node
 */
export async function containerLog(
  container: Docker.Container,
  r: LogRequest,
  { signal, atNode }: { readonly signal: AbortSignal; readonly atNode: (path: string) => string },
): Promise<LogStream> {
  const { Config, HostConfig, LogPath } = (await container.inspect()) as Docker.ContainerInspectInfo & {
    LogPath?: string;
  };
  const path = HostConfig.LogConfig?.Type === 'json-file' && LogPath ? atNode(LogPath) : '';
  if (!path || !(await readable(path))) return { stream: await told(container, r, signal), multiplexed: !Config.Tty };
  const until = (off: AbortSignal): Promise<void> => ended(container, AbortSignal.any([off, signal]));
  const text = jsonLog(path, r, r.follow ? { ended: until } : undefined);
  return { stream: Readable.from(text, { objectMode: false }), multiplexed: false };
}
