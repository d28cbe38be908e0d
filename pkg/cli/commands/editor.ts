import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CliContext } from '../context.ts';
import { CliError, sentence } from '../errors.ts';
import { Interrupted, isCut } from '../interrupted.ts';

const HINT = `# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
`;

const withoutComments = (text: string): string => text.replace(/^#.*\n?/gm, '').trim();

export interface EditorFlags {
  /** Lines end in CR LF in the editor. */
  readonly windowsLineEndings?: boolean;
}

/** A file in the editor. */
class Draft {
  readonly folder = mkdtempSync(join(tmpdir(), 'kubectl-edit-'));
  readonly file: string;
  readonly #crlf: boolean;

  constructor(name: string, o: EditorFlags) {
    this.file = join(this.folder, name);
    this.#crlf = o.windowsLineEndings === true;
  }

  write(text: string): void {
    writeFileSync(this.file, this.#crlf ? text.replaceAll('\n', '\r\n') : text, { mode: 0o600 });
  }

  /** What is in it, without comments. */
  read(): string {
    return withoutComments(readFileSync(this.file, 'utf8').replaceAll('\r\n', '\n'));
  }

  /** @throws CliError when the editor fails */
  open(ctx: CliContext): void {
    // Nobody hears a connection end while the editor is open: the server ends idle ones after two minutes.
    ctx.close();
    const editor = process.env.KUBE_EDITOR || process.env.EDITOR || 'vi';
    // The name of an editor may have arguments, so a shell takes it apart; the file is an argument of its own.
    const { status, error } = spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'sh', this.file], { stdio: 'inherit' });
    if (error || status !== 0) throw new CliError(`there was a problem with the editor "${editor}"`);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** What is edited, and what becomes of it. */
export interface Editing extends EditorFlags {
  /** Name of the file in the editor. */
  readonly name: string;
  readonly text: string;
  /** @returns whether the text changes anything. @throws when it cannot be saved: the editor opens again */
  save(edited: string): Promise<boolean>;
}

/** Opens the editor until the text is saved, given up, or unchanged. What was typed is never lost. */
export async function editUntilSaved(ctx: CliContext, e: Editing): Promise<void> {
  const draft = new Draft(e.name, e);
  let { text } = e;
  let problem = '';
  const lost = (why: string): CliError =>
    new CliError(`${why}\nA copy of your changes has been stored to "${draft.file}"`);
  for (;;) {
    const shown = `${HINT}${problem ? `# ${problem.split('\n').join('\n# ')}\n#\n` : ''}${text}`;
    draft.write(shown);
    try {
      draft.open(ctx);
    } catch (failure) {
      if (problem || draft.read() !== withoutComments(shown)) throw lost((failure as Error).message);
      draft.remove();
      throw failure;
    }
    const edited = draft.read();
    if (edited === '' || edited === withoutComments(shown)) {
      if (problem) {
        draft.write(text);
        throw lost(`Edit cancelled, no valid changes were saved (${problem.replace(/^error: /, '')})`);
      }
      draft.remove();
      ctx.err('Edit cancelled, no changes made.\n');
      return;
    }
    text = `${edited}\n`;
    try {
      // Ctrl-C in the editor is for this program, too.
      await new Promise(setImmediate);
      if (ctx.signal.aborted) throw new Interrupted();
      if (!(await e.save(edited))) ctx.err('Edit cancelled, no changes made.\n');
      draft.remove();
      return;
    } catch (failure) {
      if (isCut(ctx, failure)) throw lost('interrupted, and nothing was saved');
      problem = sentence(failure);
    }
  }
}

/** A text once through the editor. @returns what became of it, without comments */
export function editedOnce(ctx: CliContext, name: string, text: string, o: EditorFlags): string {
  const draft = new Draft(name, o);
  try {
    draft.write(`${HINT}${text}`);
    draft.open(ctx);
    return draft.read();
  } finally {
    draft.remove();
  }
}
