import { get as httpGet, type RequestOptions } from 'node:http';
import { get as httpsGet } from 'node:https';

export interface ProbeTls {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

const PROBE_MS = 2000;

/** GETs a URL over a connection of its own. @returns the body. @throws Error unless the answer is 200 within 2 s. */
export function probe(url: string, tls?: ProbeTls): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options: RequestOptions = { agent: false, timeout: PROBE_MS, ...tls };
  const request = (url.startsWith('https:') ? httpsGet : httpGet)(url, options, (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      if (response.statusCode === 200) resolve(body);
      else reject(new Error(`${url} answered ${response.statusCode}: ${body.slice(0, 500)}`));
    });
  });
  request.on('timeout', () => request.destroy(new Error(`${url} did not answer within ${PROBE_MS} ms`)));
  request.on('error', reject);
  return promise;
}
