import type { IncomingMessage } from 'node:http';
import type { Clock } from '#async/clock.ts';
import { askKeptAlive } from '../../proxy/kept-alive.ts';
import type { Webhook } from './webhook.ts';

const DEFAULT_SECONDS = 10;
const MAX_ANSWER_BYTES = 8 << 20;

/** Finds an endpoint of a Service. @throws when it has none */
export type ServiceResolver = (namespace: string, name: string, port: number) => { host: string; port: number };

interface Where {
  /** For messages. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** The name the webhook's certificate must bear. */
  readonly servername: string;
}

/** Whom to ask, and for how long at most. */
export interface WebhookAddress {
  readonly clientConfig?: Webhook['clientConfig'] | undefined;
  /** Default: 10. */
  readonly timeoutSeconds?: number | undefined;
}

function whereOf(config: WebhookAddress['clientConfig'], resolve: ServiceResolver): Where {
  if (config?.service) {
    const { namespace, name, path = '/', port = 443 } = config.service;
    const servername = `${name}.${namespace}.svc`;
    return { url: `https://${servername}:${port}${path}`, path, servername, ...resolve(namespace, name, port) };
  }
  const url = new URL(config?.url ?? '');
  return {
    url: url.href,
    host: url.hostname,
    port: Number(url.port || 443),
    path: `${url.pathname}${url.search}`,
    servername: url.hostname,
  };
}

/**
 * Sends a review to a webhook. @returns the answer's JSON.
 * @throws Error worded as Go's client does: nobody there, wrong certificate, no answer in time, no 200
 */
export async function callWebhook(
  webhook: WebhookAddress,
  review: object,
  deps: { readonly clock: Clock; readonly resolve: ServiceResolver },
): Promise<unknown> {
  const where = whereOf(webhook.clientConfig, deps.resolve);
  const seconds = webhook.timeoutSeconds ?? DEFAULT_SECONDS;
  const body = Buffer.from(JSON.stringify(review));
  const ca = webhook.clientConfig?.caBundle;
  const late = new AbortController();
  const timer = deps.clock.after(seconds * 1000, () => late.abort());
  const options = {
    host: where.host,
    port: where.port,
    path: `${where.path}${where.path.includes('?') ? '&' : '?'}timeout=${seconds}s`,
    method: 'POST',
    ...(/^[\d.:]+$/.test(where.servername) ? {} : { servername: where.servername }),
    ...(ca ? { ca: Buffer.from(ca, 'base64') } : {}),
    headers: { 'content-type': 'application/json', accept: 'application/json', 'content-length': body.length },
  };
  try {
    const response = await askKeptAlive(options, body, late.signal);
    const answer = await textOf(response);
    if (response.statusCode !== 200) {
      throw new Error(`failed to call webhook: the server answered ${response.statusCode}`);
    }
    return JSON.parse(answer);
  } catch (e) {
    if (!late.signal.aborted && !isConnectionError(e)) throw e;
    const why = late.signal.aborted ? 'context deadline exceeded' : (e as Error).message;
    throw new Error(`failed to call webhook: Post "${where.url}?timeout=${seconds}s": ${why}`, { cause: e });
  } finally {
    timer.cancel();
  }
}

/** What Node's sockets and TLS fail with has a code; our own errors and those of parsers have none. */
const isConnectionError = (e: unknown): boolean => typeof (e as NodeJS.ErrnoException).code === 'string';

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).length;
    if (size > MAX_ANSWER_BYTES) throw new Error('failed to call webhook: the answer is too long');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}
