import type { IncomingMessage } from 'node:http';
import { transportFor } from './api/agents.ts';
import { CliError } from './errors.ts';
import { Interrupted } from './interrupted.ts';

const TIMEOUT_MS = 60_000;
const MAX_REDIRECTS = 10;
const MAX_BYTES = 64 * 2 ** 20;

function ask(url: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { request, agent } = transportFor({ server: url });
    const o = { timeout: TIMEOUT_MS, signal, headers: { 'user-agent': 'cox' }, ...(agent ? { agent } : {}) };
    const asked = request(url, o, resolve);
    const late = (): void => void asked.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} seconds`));
    asked.on('timeout', late).on('error', reject).end();
  });
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES / 2 ** 20} MiB`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The text at a URL, by the proxies of the environment. Follows redirects. @throws CliError in one sentence */
export async function download(url: string, signal: AbortSignal): Promise<string> {
  try {
    let at = url;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const answer = await ask(at, signal);
      const { statusCode = 0, statusMessage = '', headers } = answer;
      if (statusCode === 200) return await textOf(answer);
      answer.destroy();
      if (statusCode < 300 || statusCode >= 400 || !headers.location)
        throw new Error(`server reported ${statusCode} ${statusMessage}`.trim());
      at = new URL(headers.location, at).href;
      if (!/^https?:$/.test(new URL(at).protocol)) throw new Error(`it leads to "${at}"`);
    }
    throw new Error(`it leads elsewhere more than ${MAX_REDIRECTS} times`);
  } catch (e) {
    if (signal.aborted) throw new Interrupted();
    throw new CliError(`unable to read URL "${url}": ${(e as Error).message}`);
  }
}
