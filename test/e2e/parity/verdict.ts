import { asObjects, collapse, normalise, type Outcome, type Side } from './compare.ts';
import type { Line } from './lines.ts';

/** What both programs made of a line, in the form it is compared in. */
export interface Verdict {
  readonly line: string;
  readonly kubectl: unknown;
  readonly cox: unknown;
}

function view(o: Outcome, side: Side, codeOnly: boolean): unknown {
  if (codeOnly) return { code: o.code };
  const out = normalise(o.out, side);
  return { code: o.code, out: asObjects(out) ?? collapse(out), err: collapse(normalise(o.err, side)) };
}

export function verdictOf(line: Line, kubectl: readonly [Side, Outcome], cox: readonly [Side, Outcome]): Verdict {
  const codeOnly = typeof line !== 'string';
  return {
    line: codeOnly ? line[0] : line,
    kubectl: view(kubectl[1], kubectl[0], codeOnly),
    cox: view(cox[1], cox[0], codeOnly),
  };
}
