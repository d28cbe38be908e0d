import type { CliContext } from './context.ts';

/** The shell's exit code of a program that Ctrl-C ends. */
export const INTERRUPTED = 130;
/** More names than this nobody reads. */
const NAMED = 5;

/** Says what an interrupted command leaves half-done, if anything. @param state such as "not deleted" @returns its exit code */
export function interrupted(ctx: Pick<CliContext, 'err'>, left: readonly string[], state: string): number {
  const more = left.length > NAMED ? ` and ${left.length - NAMED} more` : '';
  if (left.length > 0) ctx.err(`interrupted; ${state}: ${left.slice(0, NAMED).join(', ')}${more}\n`);
  return INTERRUPTED;
}
