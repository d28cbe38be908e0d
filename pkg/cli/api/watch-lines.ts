import { type Status, StatusError } from '#api/meta/errors.ts';
import type { Rest, RestRequest } from './rest.ts';

export interface RawWatchEvent {
  readonly type: string;
  readonly object: unknown;
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
