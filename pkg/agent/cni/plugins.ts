import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import type { Exec } from '#process/exec.ts';
import type { NetworkConfig, PluginConfig } from './config.ts';
import type { CniResult } from './result.ts';

export interface CniPluginsDeps {
  readonly exec: Exec;
  /** Folders with the plugins' programs, the first that has one counts. */
  readonly binDirs: readonly string[];
}

/** An interface in a sandbox, as plugins are told of it. */
export interface Attachment {
  readonly containerId: string;
  /** Path of the network namespace; '' when it is gone already. */
  readonly netns: string;
  readonly ifName: string;
  /** CNI_ARGS. */
  readonly args: Readonly<Record<string, string>>;
  /** What plugins with the capability of that name want to know. */
  readonly capabilities: Readonly<Record<string, unknown>>;
}

type Verb = 'ADD' | 'DEL' | 'CHECK';

/** A plugin may have to wait for others, milliseconds. */
const TIMEOUT_MS = 60_000;

const atLeast = (version: string, least: readonly [number, number]): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > least[0] || (major === least[0] && minor >= least[1]);
};

/** What a plugin reads: its configuration, that of the network, and what the ones before it did. Pure. */
export function inputOf(
  network: NetworkConfig,
  { capabilities = {}, ...plugin }: PluginConfig,
  a: Pick<Attachment, 'capabilities'>,
  previous: CniResult | undefined,
): object {
  const wanted = Object.entries(a.capabilities).filter(([name]) => capabilities[name]);
  return {
    ...plugin,
    name: network.name,
    cniVersion: network.cniVersion,
    ...(wanted.length > 0 ? { runtimeConfig: Object.fromEntries(wanted) } : {}),
    ...(previous ? { prevResult: previous } : {}),
  };
}

/** Runs the plugins of networks ("CNI Specification", sections 2 and 3). */
export class CniPlugins {
  readonly #d: CniPluginsDeps;

  constructor(deps: CniPluginsDeps) {
    this.#d = deps;
  }

  /** Makes the interface. @throws Error in the words of the plugin that failed */
  async add(network: NetworkConfig, a: Attachment): Promise<CniResult> {
    let result: CniResult | undefined;
    for (const plugin of network.plugins) {
      const said = await this.#run('ADD', network, plugin, a, result);
      result = JSON.parse(said || '{}') as CniResult;
    }
    return result ?? {};
  }

  /** Takes it away; harmless to repeat. @throws Error */
  async del(network: NetworkConfig, a: Attachment, result: CniResult | undefined): Promise<void> {
    const previous = atLeast(network.cniVersion, [0, 4]) ? result : undefined;
    for (const plugin of network.plugins.toReversed()) await this.#run('DEL', network, plugin, a, previous);
  }

  /** Whether it is as it was made. @throws Error why not */
  async check(network: NetworkConfig, a: Attachment, result: CniResult): Promise<void> {
    if (network.disableCheck || !atLeast(network.cniVersion, [0, 4])) return;
    for (const plugin of network.plugins) await this.#run('CHECK', network, plugin, a, result);
  }

  async #program(type: string): Promise<string> {
    for (const dir of this.#d.binDirs) {
      const path = join(dir, type);
      const there = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (there) return path;
    }
    throw new Error(`failed to find plugin "${type}" in path [${this.#d.binDirs.join(' ')}]`);
  }

  async #run(
    verb: Verb,
    network: NetworkConfig,
    plugin: PluginConfig,
    a: Attachment,
    previous: CniResult | undefined,
  ): Promise<string> {
    const { exec, binDirs } = this.#d;
    const env = {
      CNI_COMMAND: verb,
      CNI_CONTAINERID: a.containerId,
      CNI_NETNS: a.netns,
      CNI_IFNAME: a.ifName,
      CNI_PATH: binDirs.join(':'),
      CNI_ARGS: Object.entries(a.args)
        .map((pair) => pair.join('='))
        .join(';'),
    };
    const input = JSON.stringify(inputOf(network, plugin, a, previous));
    const r = await exec(await this.#program(plugin.type), [], { input, env, timeoutMs: TIMEOUT_MS });
    if (r.code === 0) return r.stdout;
    const said = messageIn(r.stdout) ?? (r.stderr.trim() || `exit code ${r.code}`);
    throw new Error(`plugin type="${plugin.type}" name="${network.name}" failed (${verb.toLowerCase()}): ${said}`);
  }
}

/** A plugin that fails says why in JSON. */
function messageIn(stdout: string): string | undefined {
  try {
    const { msg, details } = JSON.parse(stdout) as { msg?: string; details?: string };
    return msg ? [msg, details].filter(Boolean).join('; ') : undefined;
  } catch {
    return undefined;
  }
}
