import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { systemClock, type Timer } from '#async/clock.ts';
import { createSemaphore } from '#async/semaphore.ts';
import { NFT_TIMEOUT_MS, type NftRunner, nftFailure } from './nftables.ts';

export interface NftSessionOptions {
  /** Runs what is too long for a session, and everything where nft has none. */
  readonly once: NftRunner;
  /** Starts nft so that it reads commands from its input. */
  readonly command?: readonly [string, ...string[]];
  /** Until a new process must have answered, milliseconds. */
  readonly startMs?: number;
  /** For one script, milliseconds. */
  readonly timeoutMs?: number;
  /** A process that was not needed for so long ends, milliseconds. */
  readonly idleMs?: number;
}

const DEFAULTS = {
  command: ['nft', '-i'],
  startMs: 10_000,
  timeoutMs: NFT_TIMEOUT_MS,
  idleMs: 10_000,
} as const;
/** nft reads its commands byte by byte: longer ones are read sooner by a process of their own. */
const MAX_LINE = 8192;
/** Then another process takes over, whatever this one has gathered. */
const MAX_SCRIPTS = 1000;
/** After a process that did not answer at all, milliseconds. */
const TRY_AGAIN_MS = 300_000;
/** Of what nft says about one script, characters. */
const MAX_SAID = 1 << 20;

/** One process of `nft -i`, which is told one line at a time. */
class Talk {
  readonly #child: ChildProcessWithoutNullStreams;
  #asked = 0;
  #heard = '';
  #onText: () => void = () => {};
  /** Why there will be no more answers. */
  #over: Error | undefined;

  constructor([program, ...args]: readonly [string, ...string[]]) {
    // It would keep a history of its commands.
    const env = { ...process.env, HOME: '/nonexistent' };
    this.#child = spawn(program, args, { stdio: 'pipe', env });
    this.#child.stdout.resume();
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#heard += text;
      if (this.#heard.length > MAX_SAID) this.kill(new Error(`nft said more than ${MAX_SAID} characters`));
      this.#onText();
    });
    // The end of the process says more.
    this.#child.stdin.on('error', () => {});
    this.#child.on('error', (e) => this.#end(e));
    this.#child.on('close', (code, signal) => this.#end(new Error(`nft ended (${signal ?? code}) before it answered`)));
  }

  get over(): boolean {
    return this.#over !== undefined;
  }

  /** How many lines it was told. */
  get asked(): number {
    return this.#asked;
  }

  /**
   * Tells it a line and, to find the end of what it has to say about it, a word that it does not know: it complains about
   * one after the other, each time in full.
   * @returns what it said: '' when all was well. @throws Error when no answer came; the process is over then
   */
  async ask(line: string, timeoutMs: number): Promise<string> {
    const word = `line_${++this.#asked}_ends`;
    const complaint = new RegExp(`^Error: .*\n${word}\n *\\^+\n`, 'm');
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#heard = '';
    this.#onText = () => {
      const end = this.#heard.search(complaint);
      if (this.#over) reject(this.#over);
      else if (end >= 0) resolve(this.#heard.slice(0, end));
    };
    const timer = systemClock.after(timeoutMs, () => this.kill(new Error(`nft did not answer within ${timeoutMs} ms`)));
    this.#child.stdin.write(`${line}\n${word}\n`);
    this.#onText();
    try {
      return await promise;
    } finally {
      timer.cancel();
      this.#onText = () => {};
    }
  }

  #end(why: Error): void {
    this.#over ??= why;
    this.#onText();
  }

  kill(why: Error): void {
    this.#end(why);
    this.#child.kill('SIGKILL');
  }

  /** It ends when it has read what it was told. */
  leave(): void {
    this.#end(new Error('nft is not needed any more'));
    this.#child.stdin.end();
  }
}

/**
 * Scripts of nft in one process that stays while there are more to come. A process of its own for each takes ten times as
 * long: it starts, and at its end the kernel keeps it until it has disposed of what the script removed (an RCU grace
 * period), long after the rules are in force. Where nft cannot do that, each script has its own after all.
 */
export class NftSession implements NftRunner {
  readonly #o: Required<NftSessionOptions>;
  /** One transaction after the other, so that each has its own answer. */
  readonly #turns = createSemaphore(1);
  #talk: Talk | undefined;
  #idle: Timer | undefined;
  #notBefore = 0;

  constructor(options: NftSessionOptions) {
    this.#o = { ...DEFAULTS, ...options };
  }

  run(script: string): Promise<void> {
    return this.#turns.run(() => this.#run(script));
  }

  async #run(script: string): Promise<void> {
    // On one line, since each line is a transaction.
    const line = script.trim().split('\n').join('; ');
    const talk = line.length > MAX_LINE ? undefined : await this.#ready();
    if (!talk) return this.#o.once.run(script);
    this.#idle?.cancel();
    try {
      const said = await talk.ask(line, this.#o.timeoutMs);
      if (said !== '') throw nftFailure(said);
    } finally {
      this.#idle = systemClock.after(this.#o.idleMs, () => void this.close());
    }
  }

  /** A process that answers; undefined: there is none. */
  async #ready(): Promise<Talk | undefined> {
    const { command, startMs } = this.#o;
    if (this.#talk && this.#talk.asked > MAX_SCRIPTS) this.#leave();
    if (this.#talk && !this.#talk.over) return this.#talk;
    if (performance.now() < this.#notBefore) return undefined;
    const talk = new Talk(command);
    try {
      await talk.ask('', startMs);
    } catch {
      this.#notBefore = performance.now() + TRY_AGAIN_MS;
      return undefined;
    }
    this.#talk = talk;
    return talk;
  }

  /** Lets the process go; the next script starts another. */
  close(): Promise<void> {
    return this.#turns.run(async () => this.#leave());
  }

  #leave(): void {
    this.#idle?.cancel();
    this.#talk?.leave();
    this.#talk = undefined;
  }
}
