import { isGone, type Status, StatusError } from '#api/meta/errors.ts';
import { systemClock } from '#async/clock.ts';
import type { Rest, RestRequest } from './rest.ts';

export interface RawWatchEvent {
  readonly type: string;
  readonly object: unknown;
}

/** One object as a list has it. */
export interface Looked<T> {
  readonly object: T | undefined;
  /** What a watch of this object alone is asked with, to hear of everything that happens to it from now on. */
  readonly query: Record<string, string | boolean>;
}

/**
 * Looks at an object of a collection. The version to watch from is that of the list: an object that was not changed for long
 * has one which the server remembers no more.
 */
export async function lookAt<T>(rest: Rest, collection: string, name: string): Promise<Looked<T>> {
  const fieldSelector = `metadata.name=${name}`;
  const path = `${collection}?fieldSelector=${encodeURIComponent(fieldSelector)}`;
  const list = await rest.found<{ items: T[]; metadata: { resourceVersion: string } }>(path);
  const resourceVersion = list?.metadata.resourceVersion ?? '0';
  return { object: list?.items[0], query: { fieldSelector, watch: true, resourceVersion } };
}

/** Lines of a watch stream as events; ends with the stream or the request's signal. @throws StatusError on ERROR events */
export async function* watchLines(rest: Rest, request: RestRequest): AsyncGenerator<RawWatchEvent> {
  const decoder = new TextDecoder();
  let pending = '';
  try {
    for await (const chunk of await rest.open(request)) {
      const lines = (pending + decoder.decode(chunk as Buffer, { stream: true })).split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) {
        if (!line) continue;
        const event = JSON.parse(line) as RawWatchEvent;
        if (event.type === 'ERROR') throw new StatusError(event.object as Status);
        if (event.type !== 'BOOKMARK') yield event;
      }
    }
  } catch (e) {
    if (!request.signal?.aborted) throw e;
  }
}

/** Before the server is asked anew that could not go on with a watch, milliseconds. */
const PAUSE_MS = 500;

/**
 * The same for whoever looks anew when a watch ends: that the server remembers too little, as when it reads everything again, is
 * such an end and no failure.
 */
export async function* watchToItsEnd(rest: Rest, request: RestRequest): AsyncGenerator<RawWatchEvent> {
  try {
    yield* watchLines(rest, request);
  } catch (e) {
    if (!isGone(e)) throw e;
    await systemClock.sleep(PAUSE_MS, request.signal).catch(() => undefined);
  }
}
