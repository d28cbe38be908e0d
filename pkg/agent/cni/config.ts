import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

type Json = Readonly<Record<string, unknown>>;

/** One step of a network: what its plugin reads. */
export interface PluginConfig extends Json {
  /** Name of the plugin's program. */
  readonly type: string;
  /** What of the runtime's knowledge it wants to be told. */
  readonly capabilities?: Readonly<Record<string, boolean>>;
}

/** A network configuration list ("CNI Specification", section 1). */
export interface NetworkConfig {
  readonly name: string;
  readonly cniVersion: string;
  readonly disableCheck?: boolean;
  readonly plugins: readonly PluginConfig[];
}

/** Of a configuration that names none. */
const OLDEST = '0.1.0';

const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);
const isPlugin = (v: unknown): v is PluginConfig => isObject(v) && typeof v.type === 'string' && !v.type.includes('/');

/**
 * A list of plugins, or a single one, which counts as a list of one.
 * @param fallbackName of a configuration without a name of its own @throws Error naming what is wrong
 */
export function parseNetwork(text: string, fallbackName = ''): NetworkConfig {
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) throw new Error('is no JSON object');
  const name = String(value.name ?? fallbackName);
  if (name === '') throw new Error('has no name');
  const plugins: unknown = value.plugins ?? [value];
  if (!Array.isArray(plugins) || plugins.length === 0 || !plugins.every(isPlugin)) {
    throw new Error('"plugins" must be a list of objects that name their "type"');
  }
  const cniVersion = String(value.cniVersion ?? OLDEST);
  return { name, cniVersion, plugins, ...(value.disableCheck === true ? { disableCheck: true } : {}) };
}

/** The first network in a folder, by the names of the files. @throws Error when there is none */
export async function firstNetwork(dir: string): Promise<NetworkConfig> {
  const names = await readdir(dir).catch(() => []);
  const problems: string[] = [];
  for (const name of names.filter((n) => /\.(conf|conflist|json)$/.test(n)).sort()) {
    try {
      return parseNetwork(await readFile(join(dir, name), 'utf8'));
    } catch (e) {
      problems.push(`${name}: ${(e as Error).message}`);
    }
  }
  throw new Error(`no network configuration in ${dir}${problems.length > 0 ? ` (${problems.join('; ')})` : ''}`);
}
