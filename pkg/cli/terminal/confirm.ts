import type { CliContext, GlobalOptions } from '../context.ts';
import { CliError } from '../errors.ts';

/** Name of the entry under `extensions` of a context in which cox keeps what it knows of it. */
export const EXTENSION = 'cox';

export interface AskFlags extends GlobalOptions {
  /** Do it without asking. */
  readonly yes?: boolean;
}

interface Extended {
  readonly extensions?: readonly { readonly name: string; readonly extension?: { readonly protected?: boolean } }[];
}

/** Somebody sits there who can answer. */
export const canAsk = (o: AskFlags): boolean =>
  o.yes !== true && process.stdin.isTTY === true && process.stdout.isTTY === true;

/** The context a command works in, and whether it was marked by `config set-context --protected`. */
export async function contextInUse(o: GlobalOptions): Promise<{ name: string; isProtected: boolean }> {
  const { ConfigFiles } = await import('../kubeconfig/files.ts');
  const { entries, currentContext } = new ConfigFiles(o.kubeconfig).merged;
  const name = o.context ?? currentContext ?? '';
  const { extensions } = (entries.contexts.get(name) ?? {}) as Extended;
  return {
    name,
    isProtected: extensions?.some((e) => e.name === EXTENSION && e.extension?.protected === true) ?? false,
  };
}

/** @throws CliError unless the answer is yes */
export async function askOrStop(ctx: Pick<CliContext, 'signal'>, question: string): Promise<void> {
  const { createInterface } = await import('node:readline/promises');
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  // In the middle of a line ctrl-C is the reader's, not the program's.
  reader.on('SIGINT', () => reader.close());
  try {
    const closed = new Promise<string>((resolve) => reader.once('close', () => resolve('')));
    const answer = await Promise.race([reader.question(`${question} [y/N] `, { signal: ctx.signal }), closed]);
    if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('nothing was changed');
  } finally {
    reader.close();
  }
}
