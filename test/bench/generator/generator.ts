import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Target } from './connection.ts';
import type { LoadResult } from './load.ts';
import type { Phase } from './requests.ts';
import type { Needle, WatchResult } from './watchers.ts';

export interface EtcdCommand {
  readonly do: 'etcd';
  /** URLs of sockets. */
  readonly endpoints: readonly string[];
  readonly count: number;
  readonly lanes: number;
  /** Size of a value. */
  readonly bytes: number;
}

export type Command =
  | { readonly do: 'connect'; readonly target: Target; readonly connections: number }
  | { readonly do: 'load'; readonly phase: Phase; readonly lanes: number }
  | { readonly do: 'watch'; readonly path: string; readonly count: number; readonly needle: Needle }
  | { readonly do: 'forget' }
  | { readonly do: 'await events'; readonly count: number; readonly since: number }
  | { readonly do: 'unwatch' }
  | EtcdCommand;

export interface Reply {
  readonly result?: unknown;
  readonly error?: string;
}

/** The parent's end of a generator process. One command at a time. */
export class Generator {
  readonly #child: ChildProcess;
  #waiting: { resolve(v: unknown): void; reject(e: Error): void } | undefined;

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'worker.ts'), { serialization: 'advanced' });
    this.#child.on('message', (reply: Reply) => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (reply.error === undefined) waiting?.resolve(reply.result);
      else waiting?.reject(new Error(reply.error));
    });
    this.#child.on('exit', (code) => this.#waiting?.reject(new Error(`the load generator ended with ${code}`)));
  }

  #ask(command: Command): Promise<unknown> {
    if (this.#waiting) throw new Error('the load generator is busy');
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#child.send(command);
    });
  }

  async connect(target: Target, connections: number): Promise<void> {
    await this.#ask({ do: 'connect', target, connections });
  }

  load(phase: Phase, lanes: number): Promise<LoadResult> {
    return this.#ask({ do: 'load', phase, lanes }) as Promise<LoadResult>;
  }

  /** Opens so many watches of a path; then events are counted. */
  async watch(path: string, count: number, needle: Needle): Promise<void> {
    await this.#ask({ do: 'watch', path, count, needle });
  }

  async forgetEvents(): Promise<void> {
    await this.#ask({ do: 'forget' });
  }

  /** @param since microseconds since 1970. */
  awaitEvents(count: number, since: number): Promise<WatchResult> {
    return this.#ask({ do: 'await events', count, since }) as Promise<WatchResult>;
  }

  async unwatch(): Promise<void> {
    await this.#ask({ do: 'unwatch' });
  }

  /** @returns seconds for `count` creates, `lanes` at a time. */
  etcdCreates(command: Omit<EtcdCommand, 'do'>): Promise<number> {
    return this.#ask({ do: 'etcd', ...command }) as Promise<number>;
  }

  close(): void {
    this.#child.disconnect();
  }
}
