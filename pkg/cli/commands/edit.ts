import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError, sentence } from '../errors.ts';
import { toYaml, withoutManagedFields } from '../output/print.ts';
import { type Chosen, chosenObjects } from '../targets.ts';
import { report, type WriteFlags, writeQuery } from './write.ts';

const HINT = `# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
`;

const withoutComments = (text: string): string => text.replace(/^#.*\n?/gm, '').trim();

function openEditor(file: string): void {
  const editor = process.env.KUBE_EDITOR || process.env.EDITOR || 'vi';
  const { status, error } = spawnSync(`${editor} "$0"`, [file], { shell: true, stdio: 'inherit' });
  if (error || status !== 0) throw new CliError(`there was a problem with the editor "${editor}"`);
}

/** Opens the editor until the object is saved, given up, or unchanged. What was typed is never lost. */
async function editOne(ctx: CliContext, c: Chosen, o: WriteFlags): Promise<void> {
  const path = pathOf(c.resource, c.namespace, c.name);
  const original = withoutManagedFields(await ctx.rest.json<KubeObject>({ path }));
  const folder = mkdtempSync(join(tmpdir(), 'kubectl-edit-'));
  const file = join(folder, `${c.resource.singular}-${c.name}.yaml`);
  let text = toYaml(original);
  let problem = '';
  for (;;) {
    const shown = `${HINT}${problem ? `# ${problem.split('\n').join('\n# ')}\n#\n` : ''}${text}`;
    writeFileSync(file, shown, { mode: 0o600 });
    openEditor(file);
    const edited = withoutComments(readFileSync(file, 'utf8'));
    const same = edited === withoutComments(shown);
    if (edited === '' || same) {
      if (problem) throw new CliError(`the edit was not saved (${problem}); a copy of it is in ${file}`);
      rmSync(folder, { recursive: true });
      ctx.err('Edit cancelled, no changes made.\n');
      return;
    }
    text = `${edited}\n`;
    try {
      const body = parse(edited) as KubeObject;
      const answer = await ctx.rest.json<KubeObject>({
        method: 'PUT',
        path,
        query: writeQuery(o, 'kubectl-edit'),
        body,
      });
      rmSync(folder, { recursive: true });
      report(ctx, o, c.resource, answer, 'edited');
      return;
    } catch (e) {
      problem = sentence(e);
    }
  }
}

/** `cox edit TYPE/NAME` */
export async function edit(ctx: CliContext, args: readonly string[], o: WriteFlags): Promise<void> {
  for (const c of await chosenObjects(ctx, args, {})) {
    if (!c.name) throw new CliError('say which object to edit: TYPE/NAME');
    await editOne(ctx, c, o);
  }
}
