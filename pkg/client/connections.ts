import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { type Dispatcher, Pool } from 'undici';
import type { Clock } from '#async/clock.ts';
import type { CertificateFiles, Kubeconfig } from './kubeconfig.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** Requests under way at a time; further ones wait inside undici. */
const CONNECTIONS = 64;
/** Below the minute or more that servers keep an idle connection: ours is closed first, so none is written to half-closed. */
const IDLE_CONNECTION_MS = 45_000;
/** The kernel probes a quiet peer after this, then every second, ten times. */
const TCP_KEEPALIVE_MS = 10_000;
/** Certificates are renewed long before they end; whether that has happened is looked up this often. */
const LOOK_MS = 5_000;

/** A client certificate and its key, PEM. */
interface Pair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

interface Pools {
  readonly calls: Pool;
  readonly watches: Pool;
}

/** Two files at one moment; another mark means that one of them is another. */
const markOf = ({ cert, key }: CertificateFiles): string =>
  [cert, key]
    .map((path) => {
      const { ino, mtimeMs, size } = statSync(path);
      return `${ino}:${mtimeMs}:${size}`;
    })
    .join();

/** @returns undefined while one of two files has been replaced and the other has not */
function readMatching(files: CertificateFiles): Pair | undefined {
  const pair = { cert: readFileSync(files.cert), key: readFileSync(files.key) };
  return new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key)) ? pair : undefined;
}

/** Certificates and key, read once for all connections. Where they cannot be, each connection says so. */
function readOnce(pems: SecureContextOptions): SecureContextOptions | { secureContext: SecureContext } {
  try {
    return { secureContext: createSecureContext(pems) };
  } catch {
    return pems;
  }
}

/**
 * The connections to one server: pooled ones for calls, and those of watches. When the files of the client certificate are
 * replaced, further requests go over new connections; those under way end where they began.
 */
export class Connections {
  readonly #origin: string;
  readonly #config: Kubeconfig;
  readonly #clock: Clock;
  #pools: Pools;
  #mark = '';
  #lookedAt: number;
  /** Pools of earlier certificates with requests under way. */
  readonly #retired = new Set<Pool>();

  constructor(origin: string, config: Kubeconfig, clock: Clock) {
    this.#origin = origin;
    this.#config = config;
    this.#clock = clock;
    this.#pools = this.#open(config);
    this.#lookedAt = clock.now();
    if (config.certFiles) this.#mark = this.#look(config.certFiles);
  }

  get calls(): Dispatcher {
    return this.#current().calls;
  }

  get watches(): Dispatcher {
    return this.#current().watches;
  }

  async destroy(): Promise<void> {
    const all = [this.#pools.calls, this.#pools.watches, ...this.#retired];
    await Promise.all(all.map((pool) => pool.destroy()));
  }

  #open({ cert, key }: Partial<Pair>): Pools {
    const { ca, tlsServerName, insecureSkipTlsVerify } = this.#config;
    const connect = {
      ...readOnce({ ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) }),
      ...(tlsServerName ? { servername: tlsServerName } : {}),
      rejectUnauthorized: !insecureSkipTlsVerify,
      timeout: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEPALIVE_MS,
    };
    // Timeouts are the transport's (one per call, on the clock), not undici's with its half-second tick.
    const common = { connect, headersTimeout: 0, bodyTimeout: 0, allowH2: false };
    return {
      calls: new Pool(this.#origin, { ...common, connections: CONNECTIONS, keepAliveTimeout: IDLE_CONNECTION_MS }),
      watches: new Pool(this.#origin, { ...common, connections: null, pipelining: 0, clientTtl: null }),
    };
  }

  #current(): Pools {
    const { certFiles } = this.#config;
    const now = this.#clock.now();
    if (certFiles && now - this.#lookedAt >= LOOK_MS) {
      this.#lookedAt = now;
      this.#renew(certFiles);
    }
    return this.#pools;
  }

  #look(files: CertificateFiles): string {
    try {
      return markOf(files);
    } catch {
      // Gone: what was read is as good as any until there is another.
      return this.#mark;
    }
  }

  #renew(files: CertificateFiles): void {
    const mark = this.#look(files);
    if (mark === this.#mark) return;
    try {
      const pair = readMatching(files);
      if (!pair) return;
      const old = this.#pools;
      this.#pools = this.#open(pair);
      this.#mark = mark;
      for (const pool of [old.calls, old.watches]) this.#retire(pool);
    } catch {
      // Being written: looked at again next time.
    }
  }

  #retire(pool: Pool): void {
    this.#retired.add(pool);
    pool.close().then(
      () => this.#retired.delete(pool),
      () => this.#retired.delete(pool),
    );
  }
}
