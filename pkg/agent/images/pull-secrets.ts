import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod, Secret } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Logger } from '#process/logger.ts';
import { credentialsFor, type KeyringEntry, parseDockerConfig, type RegistryCredentials } from './keyring.ts';

export interface PullSecretsDeps {
  readonly secret: (namespace: string, name: string) => Promise<Stored<Secret> | undefined>;
  /** Holds the node's own config.json, if there is one. */
  readonly rootDir: string;
  readonly logger: Logger;
}

/** What a pod's image may be pulled with. */
export interface PullCredentials {
  readonly credentials: readonly RegistryCredentials[];
  /** Secrets that do not exist or cannot be read. */
  readonly missing: readonly string[];
}

/** Secret type → key of its content. */
const CONTENT: Readonly<Record<string, string>> = {
  'kubernetes.io/dockerconfigjson': '.dockerconfigjson',
  'kubernetes.io/dockercfg': '.dockercfg',
};

/** Finds credentials in the Secrets a pod names, and behind them in the node's own configuration. */
export class PullSecrets {
  readonly #d: PullSecretsDeps;

  constructor(deps: PullSecretsDeps) {
    this.#d = deps;
  }

  async find(pod: Stored<Pod>, image: string): Promise<PullCredentials> {
    const namespace = pod.metadata.namespace ?? '';
    const names = (pod.spec?.imagePullSecrets ?? []).flatMap((s) => s.name || []);
    const read = await Promise.all(names.map((name) => this.#entries(namespace, name)));
    const missing = names.filter((_, i) => read[i] === undefined);
    const ring = [...read.flatMap((entries) => entries ?? [])];
    // Behind those of the pod, however long its patterns.
    const credentials = [...credentialsFor(image, ring), ...credentialsFor(image, await this.#nodeEntries())];
    return { credentials, missing };
  }

  /** Undefined when the Secret cannot be had. */
  async #entries(namespace: string, name: string): Promise<KeyringEntry[] | undefined> {
    try {
      const secret = await this.#d.secret(namespace, name);
      const content = secret?.data?.[CONTENT[secret.type ?? ''] ?? ''];
      if (!secret) return undefined;
      return content ? parseDockerConfig(Buffer.from(content, 'base64').toString()) : [];
    } catch (err) {
      this.#d.logger.warn({ err, secret: `${namespace}/${name}` }, 'the image pull secret cannot be used');
      return undefined;
    }
  }

  async #nodeEntries(): Promise<KeyringEntry[]> {
    const path = join(this.#d.rootDir, 'config.json');
    try {
      return parseDockerConfig(await readFile(path, 'utf8'));
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT') this.#d.logger.warn({ err, path }, 'it cannot be used');
      return [];
    }
  }
}
