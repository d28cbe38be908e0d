import { systemClock } from '#async/clock.ts';
import { abortable, timeoutSignal } from '#async/signals.ts';
import { HealthSlis } from './slis.ts';

/** A check fails by throwing; its message is shown to operators with `?verbose`. */
export type Check = () => void | Promise<void>;
export type Checks = Readonly<Record<string, Check>>;

/** What a path is answered with. */
export interface Page {
  readonly code: number;
  readonly type: string;
  readonly body: string;
}

/** A check that takes longer has failed. */
const CHECK_TIMEOUT_MS = 5000;
const TEXT = 'text/plain; charset=utf-8';
/** On every page, in front: who answers is there. */
const PING: Checks = { ping: () => {} };

export const NOT_FOUND: Page = { code: 404, type: TEXT, body: '404 page not found\n' };

/**
 * The health pages of a process: /livez, /readyz and /healthz (`?verbose`, `?exclude=name`), each check below them, and
 * /metrics/slis, which tells what they found ("Kubernetes API health endpoints").
 */
export class HealthPages {
  readonly #pages: ReadonlyMap<string, Checks>;
  readonly #slis = new HealthSlis();

  /** @param pages checks by page: livez, readyz, healthz */
  constructor(pages: Readonly<Record<string, Checks>>) {
    this.#pages = new Map(Object.entries(pages).map(([name, checks]) => [name, { ...PING, ...checks }]));
  }

  get names(): readonly string[] {
    return [...this.#pages.keys()];
  }

  /** @returns undefined for a path that is none of these */
  async answer(path: string, query: URLSearchParams): Promise<Page | undefined> {
    if (path === '/metrics/slis') return this.slis();
    const [, page = '', name, ...rest] = path.split('/');
    const checks = this.#pages.get(page);
    if (!checks || rest.length > 0) return undefined;
    if (name) {
      const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
      return check ? this.#run(page, { [name]: check }, query) : NOT_FOUND;
    }
    return this.#run(page, checks, query);
  }

  /** What /metrics/slis shows. */
  async slis(): Promise<Page> {
    const { contentType, body } = await this.#slis.page();
    return { code: 200, type: contentType, body };
  }

  /** All checks at once; what they found is told in order, in the form of Kubernetes' verbose health pages. */
  async #run(page: string, checks: Checks, query: URLSearchParams): Promise<Page> {
    const excluded = query.getAll('exclude');
    const lines = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => {
        if (excluded.includes(name)) return `[+]${name} excluded: ok`;
        const why = await failure(check);
        this.#slis.observe(page, name, why === undefined);
        return why === undefined ? `[+]${name} ok` : `[-]${name} failed: ${why}`;
      }),
    );
    const ok = lines.every((l) => l.startsWith('[+]'));
    if (ok && !query.has('verbose')) return { code: 200, type: TEXT, body: 'ok' };
    const verdict = `${page} check ${ok ? 'passed' : 'failed'}`;
    return { code: ok ? 200 : 500, type: TEXT, body: [...lines, verdict, ''].join('\n') };
  }
}

/** Why a check fails; undefined: it does not. */
async function failure(check: Check): Promise<string | undefined> {
  const limit = timeoutSignal(systemClock, CHECK_TIMEOUT_MS);
  try {
    await abortable(Promise.resolve().then(check), limit.signal);
    return undefined;
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  } finally {
    limit.dispose();
  }
}
