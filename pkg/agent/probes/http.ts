import { request as http, type IncomingMessage } from 'node:http';
import { request as https } from 'node:https';
import type { Probe } from '#api/kinds/index.ts';
import { hostPort } from '#api/meta/ip.ts';
import { dialError, type ProbeResult } from './run.ts';

type Action = NonNullable<Probe['httpGet']>;

const MAX_REDIRECTS = 10;

/** One GET; the response is not read. */
function get(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // The certificate of a container is not checked: it seldom names its address.
    const options = { headers, signal, agent: false as const, rejectUnauthorized: false };
    const request = url.protocol === 'https:' ? https(url, options) : http(url, options);
    request.on('response', (response) => {
      response.on('error', () => {});
      response.destroy();
      resolve(response);
    });
    request.on('error', reject);
    request.end();
  });
}

/**
 * HTTP GET of a probe: 2xx and 3xx are good. Redirects are followed on the same host; one to another host is good as it
 * stands ("Configure Liveness, Readiness and Startup Probes", HTTP probes).
 */
export async function httpProbe(
  action: Action,
  target: { readonly host: string; readonly port: number },
  timeoutMs: number,
): Promise<ProbeResult> {
  const scheme = action.scheme === 'HTTPS' ? 'https' : 'http';
  const path = action.path || '/';
  const first = `${scheme}://${hostPort(target.host, target.port)}${path.startsWith('/') ? '' : '/'}${path}`;
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.33', accept: '*/*', connection: 'close' };
  for (const h of action.httpHeaders ?? []) {
    const name = h.name.toLowerCase();
    // An empty value takes away what would be sent otherwise.
    if (h.value === '' && name in headers) delete headers[name];
    else headers[name] = h.value;
  }
  const limit = AbortSignal.timeout(timeoutMs);
  let url = new URL(first);
  try {
    for (let n = 0; n <= MAX_REDIRECTS; n++) {
      const { statusCode = 0, headers: answer } = await get(url, headers, limit);
      if (statusCode < 200 || statusCode >= 400) {
        return { ok: false, message: `HTTP probe failed with statuscode: ${statusCode}` };
      }
      if (statusCode < 300 || !answer.location || !URL.canParse(answer.location, url.href))
        return { ok: true, message: '' };
      const next = new URL(answer.location, url);
      if (next.hostname !== url.hostname || !/^https?:$/.test(next.protocol)) return { ok: true, message: '' };
      url = next;
    }
    return { ok: false, message: `Get "${url}": stopped after ${MAX_REDIRECTS} redirects` };
  } catch (e) {
    const why = limit.aborted
      ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
      : `dial tcp ${hostPort(target.host, target.port)}: ${dialError(e as NodeJS.ErrnoException)}`;
    return { ok: false, message: `Get "${url}": ${why}` };
  }
}
