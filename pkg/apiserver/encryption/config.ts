import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { UserError } from '#process/main.ts';
import { aescbc, aesgcm, identity, type Provider, type Secret, secretbox } from './providers.ts';

/** How resources are kept: the first provider writes, any reads. */
export interface EncryptionRule {
  /** "secrets", "deployments.apps", "*.apps", "*." (the core group) or "*.*". */
  readonly resources: readonly string[];
  readonly providers: readonly Provider[];
}

interface KeyList {
  readonly keys?: readonly { readonly name?: string; readonly secret?: string }[];
}
type ProviderConfig = Readonly<Record<string, KeyList | null | undefined>>;
interface Config {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly resources?: readonly {
    readonly resources?: readonly string[];
    readonly providers?: readonly ProviderConfig[];
  }[];
}

/** What keys there are of, in bytes. */
const AES_SIZES = [16, 24, 32];
const KEYED: Readonly<Record<string, { make: (secret: Secret) => Provider; sizes: readonly number[] }>> = {
  aescbc: { make: aescbc, sizes: AES_SIZES },
  aesgcm: { make: aesgcm, sizes: AES_SIZES },
  secretbox: { make: secretbox, sizes: [32] },
};

/** Base64 and nothing else. */
function bytesOf(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64').replace(/=+$/, '') === text.trim().replace(/=+$/, '') ? bytes : undefined;
}

function secretsOf({ keys = [] }: KeyList, sizes: readonly number[], at: string): Secret[] {
  if (keys.length === 0) throw new UserError(`${at}.keys: required`);
  const names = new Set<string>();
  return keys.map(({ name, secret }, i) => {
    const path = `${at}.keys[${i}]`;
    if (!name) throw new UserError(`${path}.name: required`);
    if (name.includes(':')) throw new UserError(`${path}.name: "${name}" must not contain a colon`);
    if (names.has(name)) throw new UserError(`${path}.name: "${name}" is there twice`);
    names.add(name);
    if (!secret) throw new UserError(`${path}.secret: required`);
    const bytes = bytesOf(secret);
    if (!bytes) throw new UserError(`${path}.secret: must be base64 encoded`);
    if (!sizes.includes(bytes.length)) {
      const wanted = sizes.length > 1 ? `one of ${sizes.join(', ')}` : sizes.join();
      throw new UserError(`${path}.secret: is ${bytes.length} bytes long, must be ${wanted}`);
    }
    return { name, bytes };
  });
}

function providersOf(config: ProviderConfig, at: string): Provider[] {
  const names = Object.keys(config ?? {});
  const [name = ''] = names;
  if (names.length !== 1) throw new UserError(`${at}: must name exactly one provider, has ${names.length}`);
  if (name === 'identity') return [identity];
  if (name === 'kms') throw new UserError(`${at}: kms is not supported by this server`);
  const kind = KEYED[name];
  if (!kind) throw new UserError(`${at}: unknown provider "${name}"`);
  return secretsOf(config[name] ?? {}, kind.sizes, `${at}.${name}`).map(kind.make);
}

const RESOURCE = /^(?:\*\.\*|\*\.[a-z0-9.-]*|[a-z0-9-]+(?:\.[a-z0-9.-]+)?)$/;

/** Does the pattern of a rule mean this resource? */
export function matchesResource(pattern: string, group: string, plural: string): boolean {
  if (pattern === '*.*') return true;
  if (pattern.startsWith('*.')) return pattern.slice(2) === group;
  return pattern === (group ? `${plural}.${group}` : plural);
}

function resourcesOf(resources: readonly string[], at: string): readonly string[] {
  if (resources.length === 0) throw new UserError(`${at}: required`);
  for (const [i, r] of resources.entries()) {
    if (typeof r !== 'string' || !RESOURCE.test(r) || r === '*') {
      throw new UserError(`${at}[${i}]: "${r}" is no resource such as secrets, deployments.apps, *.apps or *.*`);
    }
    const [plural = '', ...group] = r.split('.');
    const masked = resources.find((o, k) => k !== i && (o === r || matchesResource(o, group.join('.'), plural)));
    if (masked !== undefined) throw new UserError(`${at}[${i}]: "${r}" overlaps with "${masked}" in the same list`);
  }
  return resources;
}

/** Understands an EncryptionConfiguration of apiserver.config.k8s.io/v1. @throws UserError naming what is wrong */
export function parseEncryption(text: string): readonly EncryptionRule[] {
  const config = parseYaml(text) as Config | null;
  if (config?.kind !== 'EncryptionConfiguration' || config.apiVersion !== 'apiserver.config.k8s.io/v1') {
    throw new UserError('must be an EncryptionConfiguration of apiserver.config.k8s.io/v1');
  }
  const rules = config.resources ?? [];
  if (rules.length === 0) throw new UserError('resources: required');
  return rules.map((rule, i) => {
    const at = `resources[${i}]`;
    const providers = rule.providers ?? [];
    if (providers.length === 0) throw new UserError(`${at}.providers: required`);
    return {
      resources: resourcesOf(rule.resources ?? [], `${at}.resources`),
      providers: providers.flatMap((p, k) => providersOf(p, `${at}.providers[${k}]`)),
    };
  });
}

/** @throws UserError in one sentence */
export function loadEncryption(path: string): readonly EncryptionRule[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (e) {
    throw new UserError(`--encryption-provider-config: cannot read ${path}: ${(e as NodeJS.ErrnoException).code}`);
  }
  try {
    return parseEncryption(text);
  } catch (e) {
    throw new UserError(`--encryption-provider-config: ${path}: ${(e as Error).message}`);
  }
}
