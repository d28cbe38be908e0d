import { StatusError } from '#api/meta/errors.ts';
import type { Clock } from '#async/clock.ts';
import { UserError } from '#process/user-error.ts';
import { ConnectionError } from './connection-error.ts';
import type { Client } from './types.ts';

export interface ReachableOptions {
  readonly client: Client;
  /** For the sentence. */
  readonly server: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long the server may take to come up, milliseconds; default 30 s. */
  readonly waitMs?: number;
}

const TRY_MS = 5000;
const PAUSE_MS = 1000;
/** OpenSSL's and Node's codes for a certificate that will not become right by waiting. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/;

/**
 * Waits until the API server answers, so that a process started against nothing says so instead of trying for ever.
 * @throws UserError in one sentence: unreachable, not trusted, or credentials refused; the signal's reason on abort.
 */
export async function requireServer(o: ReachableOptions): Promise<void> {
  const until = o.clock.now() + (o.waitMs ?? 30_000);
  for (;;) {
    try {
      await o.client.raw('GET', '/version', undefined, { timeoutMs: TRY_MS, signal: o.signal });
      return;
    } catch (e) {
      o.signal.throwIfAborted();
      if (e instanceof StatusError && e.code < 500) {
        if (e.code !== 401) return;
        throw new UserError(`the API server at ${o.server} does not accept these credentials`, { cause: e });
      }
      const why = reasonOf(e);
      if (UNTRUSTED.test(codeOf(e))) {
        throw new UserError(`the certificate of the API server at ${o.server} is not trusted: ${why}`, { cause: e });
      }
      if (o.clock.now() + PAUSE_MS > until) {
        throw new UserError(`the API server at ${o.server} cannot be reached: ${why}`, { cause: e });
      }
    }
    await o.clock.sleep(PAUSE_MS, o.signal);
  }
}

/** The message without the request it begins with. */
const reasonOf = (e: unknown): string => (e as Error).message.replace(/^GET \/version: /, '');

const codeOf = (e: unknown): string => {
  const cause = e instanceof ConnectionError ? e.cause : e;
  return String((cause as NodeJS.ErrnoException | undefined)?.code ?? '');
};
