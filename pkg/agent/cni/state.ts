import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSecret } from '#pki/files.ts';
import type { NetworkConfig } from './config.ts';
import type { Attachment } from './plugins.ts';
import type { CniResult } from './result.ts';

/** An interface of a sandbox; without a result nobody knows how far its plugins came. */
export interface Made {
  readonly network: NetworkConfig;
  /** As whom others know the network. */
  readonly label: string;
  readonly attachment: Omit<Attachment, 'netns'>;
  readonly result?: CniResult;
}

/** The interfaces of one sandbox. They are taken away by the configuration they were made with, whatever it is now. */
export interface SandboxState {
  readonly podUid: string;
  readonly made: readonly Made[];
}

const SUFFIX = '.json';

/** One file for each sandbox that plugins made interfaces in, so that whoever comes after a crash can take them away. */
export class CniState {
  readonly #dir: string;
  readonly #known = new Map<string, SandboxState>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  #file(sandboxId: string): string {
    return join(this.#dir, sandboxId + SUFFIX);
  }

  /** Reads what there is. What cannot be read was cut off before anything was made, and goes. */
  async load(): Promise<void> {
    for (const name of await readdir(this.#dir).catch(() => [])) {
      const text = name.endsWith(SUFFIX) ? await readFile(join(this.#dir, name), 'utf8') : '';
      if (text === '') await rm(join(this.#dir, name), { force: true });
      else this.#known.set(name.slice(0, -SUFFIX.length), JSON.parse(text) as SandboxState);
    }
  }

  get(sandboxId: string): SandboxState | undefined {
    return this.#known.get(sandboxId);
  }

  get all(): readonly (readonly [sandboxId: string, state: SandboxState])[] {
    return [...this.#known];
  }

  async put(sandboxId: string, state: SandboxState): Promise<void> {
    this.#known.set(sandboxId, state);
    await writeSecret(this.#file(sandboxId), JSON.stringify(state));
  }

  async drop(sandboxId: string): Promise<void> {
    await rm(this.#file(sandboxId), { force: true });
    this.#known.delete(sandboxId);
  }
}
