import type { CliContext } from '../context.ts';

/** Next commands about what is in no namespace, or that name theirs. */
const PLACED = / (-n|-A) |^cox (get|describe) (nodes?|pv|storageclass|ingressclass)\b|^cox uncordon /;

/** A command as it works where it is typed next: with the namespace of the command line. */
export const typedNext = (next: string, ctx: Pick<CliContext, 'namespace' | 'namespaceGiven'>): string =>
  ctx.namespaceGiven && !PLACED.test(next) ? `${next} -n ${ctx.namespace}` : next;

/** One plain answer to "why": what it is, what shows it, and what to type next. */
export interface Answer {
  readonly because: string;
  readonly evidence: readonly string[];
  readonly next: string;
}

/** The answer as it is printed. @param subject such as "pod/web-0" */
export function answerText(subject: string, a: Answer | undefined): string {
  if (!a) return `${subject} is fine.\n`;
  const evidence = a.evidence.filter((e) => e !== '').map((e) => `  ${e}\n`);
  return `${subject}: ${a.because}.\n${evidence.join('')}Next: ${a.next}\n`;
}
