import { StatusError } from '#api/meta/errors.ts';
import { type ReachOptions, reach } from '#process/reachable.ts';
import { UserError } from '#process/user-error.ts';
import { ConnectionError } from './connection-error.ts';
import type { Client } from './types.ts';

export interface ReachableOptions extends Omit<ReachOptions, 'name' | 'at' | 'pauseMs' | 'reason'> {
  readonly client: Client;
  /** For the sentence. */
  readonly server: string;
}

const TRY_MS = 5000;
const PAUSE_MS = 1000;
/** OpenSSL's and Node's codes for a certificate that will not become right by waiting. */
const UNTRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/;

/**
 * Waits until the API server answers.
 * @throws UserError in one sentence: unreachable, not trusted, or credentials refused; the signal's reason on abort.
 */
export function requireServer({ client, server, ...o }: ReachableOptions): Promise<void> {
  return reach({ ...o, name: 'the API server', at: server, pauseMs: PAUSE_MS, reason: reasonOf }, async () => {
    try {
      await client.raw('GET', '/version', undefined, { timeoutMs: TRY_MS, signal: o.signal });
    } catch (e) {
      if (e instanceof StatusError && e.code < 500) {
        if (e.code !== 401) return;
        throw new UserError(`the API server at ${server} does not accept these credentials`, { cause: e });
      }
      if (!UNTRUSTED.test(codeOf(e))) throw e;
      throw new UserError(`the certificate of the API server at ${server} is not trusted: ${reasonOf(e)}`, {
        cause: e,
      });
    }
  });
}

/** The message without the request it begins with. */
const reasonOf = (e: unknown): string => (e as Error).message.replace(/^GET \/version: /, '');

const codeOf = (e: unknown): string => {
  const cause = e instanceof ConnectionError ? e.cause : e;
  return String((cause as NodeJS.ErrnoException | undefined)?.code ?? '');
};
