import { readFileSync } from 'node:fs';
import { get as httpGet, type RequestOptions } from 'node:http';
import { get as httpsGet } from 'node:https';
import { networkInterfaces } from 'node:os';
import { createSecureContext, type SecureContext } from 'node:tls';

export interface ProbeTls {
  /** Made once: reading certificates costs more than all the rest of a probe. */
  readonly secureContext: SecureContext;
}

/** To trust the authority of a file. */
export const trusting = (caFile: string): ProbeTls => ({
  secureContext: createSecureContext({ ca: readFileSync(caFile) }),
});

/** For a server that listens at a file. */
export interface ProbeFile {
  readonly socketPath: string;
}

/** Long for a machine in a hurry, too. */
const PROBE_MS = 10_000;

/** GETs a URL over a connection of its own. @returns the body. @throws Error unless the answer is 200 within 10 s. */
export function probe(url: string, how?: ProbeTls | ProbeFile): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options: RequestOptions = { agent: false, timeout: PROBE_MS, ...how };
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

/** What comes and goes with test beds, containers and `make up`. */
const FLEETING = /^(cx\d|cox\d|br-|veth)/;

/** An IPv4 address by which this machine reaches itself as long as a test runs: that of a bed may be gone the next moment. */
export function ownAddress(): string | undefined {
  const lasting = Object.entries(networkInterfaces()).filter(([name]) => !FLEETING.test(name));
  return lasting.flatMap(([, list]) => list ?? []).find((a) => a.family === 'IPv4' && !a.internal)?.address;
}
