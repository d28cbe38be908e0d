import type { ExecResult } from './exec.ts';

/** What `conntrack -D` says, besides failing, when there was nothing to end, or it has ended by itself. */
const NONE_LEFT = /\b0 flow entries\b/;

/** Why `conntrack -D` did not do what it was told, in its words; undefined: it did, or there was nothing to do. Pure. */
export const deletionProblem = ({ code, stderr }: Pick<ExecResult, 'code' | 'stderr'>): string | undefined =>
  code === 0 || NONE_LEFT.test(stderr) ? undefined : stderr.trim();
