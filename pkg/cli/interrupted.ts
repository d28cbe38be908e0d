import { StatusError } from '#api/meta/errors.ts';
import type { CliContext } from './context.ts';
import { CliError, sentence } from './errors.ts';

/** The shell's exit code of a program that Ctrl-C ends. */
export const INTERRUPTED = 130;
/** More names than this nobody reads. */
const NAMED = 5;

/** Nothing came of something because the command was interrupted: there is no more to tell. */
export class Interrupted extends CliError {
  constructor() {
    super('interrupted', INTERRUPTED);
  }
}

/** A change that was asked for, and not answered before the patience with an interrupted command was over. */
export class Unanswered extends CliError {
  constructor() {
    super('interrupted before the server answered: what was asked of it may be done all the same', INTERRUPTED);
  }
}

/** Whether a failure of an interrupted command says more than that it was interrupted: streams that are cut fail in many words. */
export const saysMore = (e: unknown): boolean =>
  e instanceof StatusError || (e instanceof CliError && !(e instanceof Interrupted));

/** Says what an interrupted command leaves half-done, if anything. @param state such as "not deleted" @returns its exit code */
export function interrupted(ctx: Pick<CliContext, 'err'>, left: readonly string[], state: string): number {
  const more = left.length > NAMED ? ` and ${left.length - NAMED} more` : '';
  if (left.length > 0) ctx.err(`interrupted; ${state}: ${left.slice(0, NAMED).join(', ')}${more}\n`);
  return INTERRUPTED;
}

/** Whether something failed because the command was interrupted: what the server has answered, it means. */
export const isCut = ({ signal }: Pick<CliContext, 'signal'>, e: unknown): boolean =>
  signal.aborted && !(e instanceof StatusError);

/** What a command works through. */
export interface Many<T> {
  readonly all: readonly T[];
  readonly nameOf: (one: T) => string;
  /** What those are that an interrupt leaves out, such as "not labeled". Absent: nothing is changed, so nothing is told. */
  readonly left?: string | undefined;
}

/** What the user reads of a failure, with what may help. */
export async function failure(ctx: CliContext, e: unknown): Promise<string> {
  return [sentence(e), ...(await (await import('./hints.ts')).hintsFor(ctx, e))].join('\n');
}

/**
 * Does `work` for one after the other. One of several that fails is told and does not keep the others from being done; an
 * interrupt keeps it from what is not begun yet, which is told.
 * @returns the exit code: 0, 1 when one has failed, or that of an interrupt. @throws what `work` throws for the only one
 */
export async function oneByOne<T>(
  ctx: CliContext,
  { all, nameOf, left }: Many<T>,
  work: (one: T) => Promise<void>,
): Promise<number> {
  const stop = (from: number): number =>
    interrupted(ctx, left === undefined ? [] : all.slice(from).map(nameOf), left ?? '');
  let code = 0;
  for (const [i, one] of all.entries()) {
    if (ctx.signal.aborted) return stop(i);
    try {
      await work(one);
    } catch (e) {
      if (isCut(ctx, e)) {
        if (!(e instanceof Unanswered)) return stop(i);
        interrupted(ctx, [nameOf(one)], 'asked for, but not answered');
        return stop(i + 1);
      }
      // What is wrong with the connection is wrong with all.
      if (all.length === 1 || !(e instanceof StatusError || e instanceof CliError)) throw e;
      code = 1;
      ctx.err(`${await failure(ctx, e)}\n`);
    }
  }
  return code;
}
