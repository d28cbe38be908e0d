import { constants, openSync, readSync } from 'node:fs';

/** Where the kernel tells what it does (kernel.org, ABI/testing/dev-kmsg). */
const KERNEL_LOG = '/dev/kmsg';
/** No record is longer. */
const RECORD_BYTES = 8192;
/** Containers that are remembered: those that ended last are asked for. */
const MAX_REMEMBERED = 1000;

const code = (e: unknown): string | undefined => (e as NodeJS.ErrnoException).code;

/**
 * The container in which the kernel killed a process for want of memory, of one record of its log; undefined for any other
 * record, also for what a process wrote there itself. Pure.
 */
export function killedIn(record: string): string | undefined {
  const [, priority, text] = /^(\d+),[^;]*;(oom-kill:.*)/.exec(record) ?? [];
  // The upper bits of the priority say who wrote it; 0 is the kernel.
  if (priority === undefined || Number(priority) >= 8) return undefined;
  const group = /,task_memcg=([^,]*),/.exec(text ?? '')?.[1] ?? '';
  // "/kubepods/pod<uid>/<id>", ".../docker-<id>.scope": of several, one within the other, the innermost.
  return group.match(/(?<![\da-f])[\da-f]{64}(?![\da-f])/g)?.at(-1);
}

/**
 * Containers in which the kernel killed a process for want of memory. Docker knows most, but not one that ended right after:
 * its shim hears of it through the container's cgroup, and on a busy machine that may be gone by then. The kernel's log has
 * the record before the process dies. It is read when somebody asks, and stays open as long as this process runs.
 */
export class OomLog {
  readonly #file: number;
  readonly #buffer = Buffer.alloc(RECORD_BYTES);
  readonly #killed = new Set<string>();

  private constructor(file: number) {
    this.#file = file;
  }

  /** Undefined where the kernel's log is not for us: there is Docker's word alone. */
  static open(path = KERNEL_LOG): OomLog | undefined {
    try {
      return new OomLog(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
    } catch {
      return undefined;
    }
  }

  /** Whether a process of the container was killed, as far as the log goes back. */
  has(containerId: string): boolean {
    for (let record = this.#next(); record !== undefined; record = this.#next()) {
      const id = killedIn(record);
      if (id === undefined) continue;
      this.#killed.add(id);
      const [oldest] = this.#killed;
      if (this.#killed.size > MAX_REMEMBERED && oldest) this.#killed.delete(oldest);
    }
    return this.#killed.has(containerId);
  }

  /** The next record; undefined when there is none yet. */
  #next(): string | undefined {
    for (;;) {
      try {
        const length = readSync(this.#file, this.#buffer);
        return length > 0 ? this.#buffer.toString('latin1', 0, length) : undefined;
      } catch (e) {
        // Records were overwritten before they were read: the next call goes on with the oldest there is.
        if (code(e) !== 'EPIPE') return undefined;
      }
    }
  }
}
