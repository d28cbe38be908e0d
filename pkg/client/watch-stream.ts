import { type Dispatcher, request } from 'undici';
import { type Status, StatusError } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { statusErrorOf } from './client.ts';
import { connectionError } from './connection-error.ts';
import { LineSplitter } from './json-lines.ts';
import type { WatchEvent } from './types.ts';

export interface WatchStreamOptions {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly dispatcher: Dispatcher;
  readonly signal?: AbortSignal;
}

/**
 * Events of one watch, in order. Reads the next chunk only when the last one's events were taken, so a slow consumer
 * slows the server down instead of filling memory. Ends when the server ends the stream.
 * @throws StatusError on an ERROR event or a refused request, ConnectionError when the connection breaks.
 */
export async function* watchStream<T extends KubeObject>(o: WatchStreamOptions): AsyncGenerator<WatchEvent<T>> {
  const abort = new AbortController();
  const onAbort = (): void => abort.abort(o.signal?.reason);
  if (o.signal?.aborted) return;
  o.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const response = await request(o.url, { dispatcher: o.dispatcher, headers: o.headers, signal: abort.signal });
    if (response.statusCode !== 200) throw statusErrorOf(response.statusCode, await response.body.text());
    const lines = new LineSplitter();
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      const events: WatchEvent<T>[] = [];
      lines.push(chunk, (line) => events.push(parseEvent<T>(line)));
      yield* events;
    }
  } catch (e) {
    if (o.signal?.aborted) return;
    throw e instanceof StatusError ? e : connectionError(e, `watch ${o.url}`);
  } finally {
    o.signal?.removeEventListener('abort', onAbort);
    // The consumer left early: the connection must not stay open.
    abort.abort();
  }
}

function parseEvent<T extends KubeObject>(line: Buffer): WatchEvent<T> {
  const event = JSON.parse(line.toString()) as WatchEvent<T> | { type: 'ERROR'; object: Status };
  if (event.type === 'ERROR') throw new StatusError(event.object);
  return event;
}
