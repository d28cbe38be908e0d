import { systemExec } from '#process/exec.ts';

const DEFAULT_MS = 120_000;

/** Runs a program that must succeed. @returns what it printed. @throws Error with what it complained about. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await systemExec(command, args, { timeoutMs: DEFAULT_MS, ...options });
  if (code !== 0) throw new Error(`${command} ${args.slice(0, 6).join(' ')}: ${stderr.trim() || `exit code ${code}`}`);
  return stdout;
}

export interface RunOptions {
  readonly timeoutMs?: number;
  readonly input?: string;
}
