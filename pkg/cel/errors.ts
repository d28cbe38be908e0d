/** An expression could not be evaluated. `||`, `&&` and the macros may absorb it, as the language says. */
export class EvaluationError extends Error {
  override readonly name: string = 'EvaluationError';
}

/** The evaluation was ended because it cost too much. Nothing absorbs it. */
export class CostLimitError extends Error {
  override readonly name = 'CostLimitError';
  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

/** One thing wrong with an expression's text. */
export interface Issue {
  /** Offset in the text. */
  readonly at: number;
  readonly message: string;
}

/** An expression does not compile; the message shows where, line by line, as cel-go prints it. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
  readonly issues: readonly Issue[];
  constructor(source: string, issues: readonly Issue[]) {
    super(issues.map((i) => issueText(source, i)).join('\n'));
    this.issues = issues;
  }
}

function issueText(source: string, { at, message }: Issue): string {
  const before = source.slice(0, at);
  const line = before.split('\n').length;
  const column = at - (before.lastIndexOf('\n') + 1);
  const text = source.split('\n')[line - 1] ?? '';
  return `ERROR: <input>:${line}:${column + 1}: ${message}\n | ${text.replaceAll('\t', ' ')}\n | ${'.'.repeat(column)}^`;
}

/** What is thrown for arguments that no overload of a function takes. */
export const noSuchOverload = (): EvaluationError => new EvaluationError('no such overload');
