import type { Answer, Connection } from './connection.ts';
import { type Phase, requestsOf, STAMP } from './requests.ts';

export interface LoadResult {
  readonly requests: number;
  /** From the first request's sending to the last answer. */
  readonly seconds: number;
  readonly bytes: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Of numbers in any order; sorts them. */
export function quantile(values: Float64Array, q: number): number {
  values.sort();
  return values[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0;
}

/** Microseconds since 1970, comparable between processes of this machine. */
export const micros = (): number => Math.round((performance.timeOrigin + performance.now()) * 1000);

/** Sends a phase's requests over all connections, one under way on each. @throws Error on the first refusal. */
export function runLoad(connections: readonly Connection[], phase: Phase): Promise<LoadResult> {
  const requests = requestsOf(phase);
  const stampAt = requests.map((r) => r.indexOf(STAMP));
  const latencies = new Float64Array(requests.length);
  const { promise, resolve, reject } = Promise.withResolvers<LoadResult>();
  let next = 0;
  let answered = 0;
  let bytes = 0;
  const started = performance.now();
  const lane = (c: Connection): void => {
    const k = next++;
    const request = requests[k];
    if (!request) return;
    const at = stampAt[k] ?? -1;
    if (at >= 0) request.write(String(micros()), at, 'latin1');
    const sent = performance.now();
    c.send(request, (error: Error | undefined, answer: Answer) => {
      latencies[k] = performance.now() - sent;
      if (error || answer.code >= 300) {
        next = requests.length;
        reject(error ?? new Error(`${phase.work} ${k}: ${answer.code} ${answer.text}`));
        return;
      }
      bytes += answer.bytes;
      if (++answered < requests.length) return lane(c);
      const seconds = (performance.now() - started) / 1000;
      const p50 = quantile(latencies, 0.5);
      resolve({ requests: requests.length, seconds, bytes, p50, p99: quantile(latencies, 0.99) });
    });
  };
  for (const c of connections) lane(c);
  return promise;
}
