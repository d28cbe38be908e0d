import { stat } from 'node:fs/promises';
import { type Clock, systemClock } from '#async/clock.ts';
import { requestCertificate, type WantedCertificate } from '#client/certificate-request.ts';
import type { Client } from '#client/types.ts';
import { readSecret, writeSecret } from '#pki/files.ts';
import { parseCertificate } from '#pki/issue.ts';
import type { Logger } from '#process/logger.ts';

/** A certificate and its key in one file, so that they are replaced together. */
export interface KeptCertificate {
  readonly file: string;
  readonly wanted: WantedCertificate;
  /** Told of each new one. */
  readonly issued?: (pem: string) => void;
}

export interface KeeperDeps {
  readonly client: Client;
  readonly clock?: Clock;
  readonly logger: Logger;
}

/** A new one is asked for when this much of the life of the old one is over, or up to a tenth more: not all nodes at once. */
const RENEW_SHARE = 0.7;
const SPREAD = 0.1;
/** For one request; its approval may need a person. */
const REQUEST_MS = 15 * 60_000;
const RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;
const LONGEST_SLEEP_MS = 24 * 3600_000;

/** Pure: when to renew, epoch milliseconds. @param luck 0 to 1 */
export const renewalTime = (issuedAt: number, endsAt: number, luck: number): number =>
  issuedAt + (endsAt - issuedAt) * (RENEW_SHARE + SPREAD * luck);

/**
 * Keeps one certificate of a node good: asks the cluster for another before it ends ("TLS bootstrapping", certificate
 * rotation). Whoever uses the file reads it again.
 */
export class CertificateKeeper {
  readonly #kept: KeptCertificate;
  readonly #d: KeeperDeps;
  readonly #clock: Clock;
  readonly #luck = Math.random();

  constructor(kept: KeptCertificate, deps: KeeperDeps) {
    this.#kept = kept;
    this.#d = deps;
    this.#clock = deps.clock ?? systemClock;
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    let pause = RETRY_MS;
    while (!signal.aborted) {
      try {
        const wait = (await this.#due()) - this.#clock.now();
        if (wait > 0) await this.#clock.sleep(Math.min(wait, LONGEST_SLEEP_MS), signal);
        else await this.#renew(signal);
        pause = RETRY_MS;
      } catch (err) {
        if (signal.aborted) return;
        const { file } = this.#kept;
        this.#d.logger.warn({ err: (err as Error).message, file }, 'no new certificate yet, will retry');
        await this.#clock.sleep(pause, signal).catch(() => {});
        pause = Math.min(2 * pause, LONGEST_RETRY_MS);
      }
    }
  }

  /** When a new one is to be asked for: at once when there is none, or none that can be read. */
  async #due(): Promise<number> {
    const { file } = this.#kept;
    const pem = await readSecret(file);
    if (pem === undefined) return 0;
    try {
      const { validFrom, validTo } = parseCertificate(pem);
      // Signers date certificates back; the file is as old as the certificate.
      const issuedAt = Math.max(Date.parse(validFrom), (await stat(file)).mtimeMs);
      return renewalTime(issuedAt, Date.parse(validTo), this.#luck);
    } catch {
      return 0;
    }
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { file, wanted, issued } = this.#kept;
    const { client, logger } = this.#d;
    const { cert, key } = await requestCertificate(wanted, {
      client,
      clock: this.#clock,
      signal,
      timeoutMs: REQUEST_MS,
    });
    await writeSecret(file, cert + key);
    issued?.(cert + key);
    logger.info({ file, until: parseCertificate(cert).validTo }, 'a new certificate is in use');
  }
}
