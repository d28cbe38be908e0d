import { CostLimitError } from './errors.ts';
import type { Type } from './types.ts';
import type { Value } from './values.ts';

/** One evaluation under way. */
export interface Frame {
  readonly globals: Readonly<Record<string, Value>>;
  /** Variables of macros. */
  readonly slots: Value[];
  spent: number;
  readonly limit: number;
}

export type Run = (f: Frame) => Value;

/** @throws CostLimitError */
export function charge(f: Frame, cost: number): void {
  f.spent += cost;
  if (f.spent > f.limit) throw new CostLimitError();
}

/** What several evaluations may cost together. */
export class Budget {
  left: number;
  constructor(left: number) {
    this.left = left;
  }
}

/** An expression compiled: its type, how to evaluate it, and what it may cost and how large its value may be at most. */
export interface Compiled {
  readonly type: Type;
  readonly run: Run;
  readonly cost: number;
  readonly size: number;
}
