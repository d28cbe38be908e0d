import { access, constants } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { systemClock } from '#async/clock.ts';
import { jsonLog, type LogPlace } from './json-log.ts';
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

/** What of a container's inspection tells where its log is. The library's types lack the path. */
export interface LogFacts {
  readonly LogPath?: string | undefined;
  readonly HostConfig: {
    readonly LogConfig?: { readonly Type?: string | undefined; readonly Config?: unknown } | undefined;
  };
}

/** The files of a container's log, as it was made with; undefined when it has none. */
export function logPlace({ LogPath, HostConfig }: LogFacts, atNode: (path: string) => string): LogPlace | undefined {
  const { Type, Config } = HostConfig.LogConfig ?? {};
  if (Type !== 'json-file' || !LogPath) return undefined;
  const files = Number((Config as Record<string, string> | undefined)?.['max-file'] ?? 1);
  return { path: atNode(LogPath), files };
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
  const found = await container.inspect();
  const place = logPlace(found, atNode);
  if (!place || !(await readable(place.path)))
    return { stream: await told(container, r, signal), multiplexed: !found.Config.Tty };
  const until = (off: AbortSignal): Promise<void> => ended(container, AbortSignal.any([off, signal]));
  const text = jsonLog(place, r, r.follow ? { ended: until } : undefined);
  return { stream: Readable.from(text, { objectMode: false }), multiplexed: false };
}
