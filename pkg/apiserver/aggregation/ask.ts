import { hostPort } from '#api/meta/ip.ts';
import type { Clock } from '#async/clock.ts';
import { askBackend } from '../proxy/backend.ts';
import { identityHeaders } from './identity.ts';
import type { RemoteTarget } from './target.ts';

/** As kube-aggregator: a server that takes longer is as good as none. */
const TIMEOUT_MS = 6000;
const MAX_BYTES = 8 << 20;
const ASKING = identityHeaders({ name: 'system:kube-aggregator', groups: ['system:masters'] });

/**
 * GETs a JSON document of an aggregated server, on behalf of this server itself.
 * @throws Error that says why there is none: not reachable, not trusted, no answer within 6 s, no success, no JSON
 */
export async function askJson<T>(target: RemoteTarget, path: string, clock: Clock): Promise<T> {
  const url = `https://${hostPort(target.host, target.port)}${path}`;
  const late = new AbortController();
  const timer = clock.after(TIMEOUT_MS, () => late.abort());
  try {
    const headers = { ...ASKING, accept: 'application/json' };
    const { response, upgraded } = await askBackend(
      { ...target, path },
      { method: 'GET', headers: { ...headers, connection: 'close' }, clock, signal: late.signal },
    );
    upgraded?.socket.destroy();
    late.signal.addEventListener('abort', () => response.destroy(new Error('no answer in time')), { once: true });
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response) {
      size += (chunk as Buffer).length;
      if (size > MAX_BYTES) throw new Error('the answer is too long');
      chunks.push(chunk as Buffer);
    }
    const code = response.statusCode ?? 0;
    if (code < 200 || code > 299) throw new Error(`bad status from ${url}: ${code}`);
    return JSON.parse(Buffer.concat(chunks).toString()) as T;
  } catch (e) {
    const why = late.signal.aborted ? 'context deadline exceeded' : (e as Error).message;
    throw new Error(`failing or missing response from ${url}: ${why.replace('error dialing backend: ', '')}`, {
      cause: e,
    });
  } finally {
    timer.cancel();
  }
}
