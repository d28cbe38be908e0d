import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Secret } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';

/** A certificate with its key, checked when it was made. */
export class Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly version: string;
  readonly #leaf: X509Certificate;
  #context: SecureContext | undefined;

  /** @throws Error that says what is wrong with the Secret */
  constructor(secret: Stored<Secret>) {
    const part = (name: string): Buffer => {
      const value = secret.data?.[name];
      if (!value) throw new Error(`has no key ${name}`);
      return Buffer.from(value, 'base64');
    };
    this.version = versionOf(secret);
    this.cert = part('tls.crt');
    this.key = part('tls.key');
    try {
      this.#leaf = new X509Certificate(this.cert);
    } catch {
      throw new Error('tls.crt is not a certificate in PEM form');
    }
    try {
      // Also finds a key that belongs to another certificate.
      this.#context = createSecureContext({ cert: this.cert, key: this.key });
    } catch (e) {
      throw new Error(`tls.key does not fit tls.crt: ${(e as Error).message}`);
    }
  }

  get context(): SecureContext {
    this.#context ??= createSecureContext({ cert: this.cert, key: this.key });
    return this.#context;
  }

  /** What a client will object to; undefined: nothing. @param host may begin with "*." */
  objection(host: string, now: number): string | undefined {
    if (Date.parse(this.#leaf.validTo) < now) return `has expired on ${this.#leaf.validTo}`;
    // A wildcard of the certificate covers the same names as one of a rule.
    if (!this.#leaf.checkHost(host.replace(/^\*\./, 'any.'))) return `is not for host ${host}`;
    return undefined;
  }
}

const versionOf = (secret: Stored<Secret>): string => `${secret.metadata.uid}/${secret.metadata.resourceVersion}`;

/** Certificates of Secrets, parsed once for each version of the Secret. */
export class CertificateCache {
  #known = new Map<string, Certificate>();
  #used = new Map<string, Certificate>();

  /** @throws Error that says what is wrong with the Secret */
  of(secret: Stored<Secret>): Certificate {
    const key = `${secret.metadata.namespace}/${secret.metadata.name}`;
    const known = this.#used.get(key) ?? this.#known.get(key);
    const certificate = known?.version === versionOf(secret) ? known : new Certificate(secret);
    this.#used.set(key, certificate);
    return certificate;
  }

  /** Forgets what was not asked for since the last call. */
  sweep(): void {
    this.#known = this.#used;
    this.#used = new Map();
  }
}

/** Which certificate a client is shown, by the server name it asks for. */
export class ServerNames {
  readonly #hosts = new Map<string, Certificate>();

  /** The first for a host stays. @param host may begin with "*." */
  add(host: string, certificate: Certificate): void {
    if (!this.#hosts.has(host)) this.#hosts.set(host, certificate);
  }

  /** That of the host, else of the wildcard above it, else of rules for every host. */
  find(serverName: string): Certificate | undefined {
    const host = serverName.toLowerCase();
    const dot = host.indexOf('.');
    return (
      this.#hosts.get(host) ?? (dot > 0 ? this.#hosts.get(`*${host.slice(dot)}`) : undefined) ?? this.#hosts.get('')
    );
  }
}
