import type { Command } from 'commander';
import type { ApplyFlags } from '../commands/apply.ts';
import type { DeleteFlags } from '../commands/delete.ts';
import type { DiffFlags } from '../commands/diff.ts';
import type { EditFlags } from '../commands/edit.ts';
import type { MetadataFlags } from '../commands/metadata.ts';
import type { PatchFlags, ReplaceFlags } from '../commands/patch.ts';
import type { ScaleFlags } from '../commands/scale.ts';
import type { WriteFlags } from '../commands/write.ts';
import { allNamespaces, collect, deletion, files, flag, output, selector, writes } from './flags.ts';
import type { Session } from './session.ts';

/** Commands that change or remove objects. */
export function changing(program: Command, session: Session): void {
  applyCommand(program, session);
  deleteCommand(program, session);
  scaleCommand(program, session);
  patchCommands(program, session);
  for (const kind of ['label', 'annotate'] as const) metadataCommand(program, session, kind);
}

function applyCommand(program: Command, session: Session): void {
  const apply = deletion(selector(writes(files(program.command('apply'))))).description(
    'Make objects as files say: create what is missing, patch what differs',
  );
  flag(apply, '--server-side', 'let the server merge and keep track of who owns which field');
  flag(apply, '--force-conflicts', 'take fields over from other managers');
  flag(apply, '--force', 'replace objects whose change is refused');
  flag(apply, '-y, --yes', 'without asking, also in a protected context');
  flag(apply, '--prune', 'delete what was applied before and is in the files no more');
  flag(apply, '--all', 'with --prune: whatever its labels');
  flag(apply, '--wait', 'with --prune and --force: until what is deleted is gone');
  flag(apply, '--overwrite', 'what files say wins over what somebody else has changed', true);
  flag(apply, '--openapi-patch', 'taken, and not needed', true);
  apply
    .option('--prune-allowlist <group/version/kind>', 'kinds to prune instead of the usual ones; repeatable', collect)
    .option('--applyset <type/name>', 'with --prune: the object that keeps what belongs together')
    .option('--subresource <name>', 'with --server-side: of status or scale instead of the object');
  const view = selector(output(files(apply.command('view-last-applied [what...]')))).description(
    'Show what was applied last',
  );
  flag(view, '--all', 'all objects of the type');
  session.action<WriteFlags>(view, async (ctx, args, o) =>
    (await import('../commands/last-applied.ts')).viewLastApplied(ctx, args, o),
  );
  const set = writes(files(apply.command('set-last-applied'))).description('Take files as what was applied last');
  flag(set, '--create-annotation', 'also where nothing was applied');
  session.action<WriteFlags & { createAnnotation?: boolean }>(set, async (ctx, _args, o) =>
    (await import('../commands/last-applied.ts')).setLastApplied(ctx, o),
  );
  const edit = output(files(apply.command('edit-last-applied [what...]')))
    .description('Change in your editor what was applied last')
    .option('--field-manager <name>', 'who the annotation belongs to')
    .option('--validate <how>', 'unknown fields: strict (an error), warn or ignore', 'strict');
  flag(edit, '--windows-line-endings', 'lines end in CR LF in the editor');
  session.action<WriteFlags>(edit, async (ctx, args, o) =>
    (await import('../commands/last-applied.ts')).editLastApplied(ctx, args, o),
  );
  diffCommand(program, session);
  session.action<ApplyFlags>(apply, async (ctx, _args, o) => (await import('../commands/apply.ts')).apply(ctx, o));
}

function diffCommand(program: Command, session: Session): void {
  const diff = selector(writes(files(program.command('diff'))))
    .description('Show what an apply would change')
    .option('--concurrency <n>', 'objects at a time', '1')
    .option('--prune-allowlist <group/version/kind>', 'kinds to prune instead of the usual ones; repeatable', collect);
  flag(diff, '--prune', 'and what it would delete');
  flag(diff, '--server-side', 'as a server-side apply would');
  flag(diff, '--force-conflicts', 'take fields over from other managers');
  session.action<DiffFlags>(diff, async (ctx, _args, o) => (await import('../commands/diff.ts')).diff(ctx, o));
}

function deleteCommand(program: Command, session: Session): void {
  const remove = deletion(selector(allNamespaces(writes(files(program.command('delete [what...]'))))), 'background')
    .description('Delete objects and wait until they are gone')
    .option('--field-selector <fields>', 'objects with these fields')
    .option('--raw <uri>', 'delete at this path of the server, whatever is there');
  flag(remove, '-i, --interactive', 'show what will be deleted, and ask');
  flag(remove, '--all', 'all objects of the type');
  flag(remove, '--force', 'with --grace-period=0: do not wait for the processes');
  flag(remove, '-y, --yes', 'without asking');
  flag(remove, '--now', 'one second to end');
  flag(remove, '--ignore-not-found', 'absent objects are no error');
  flag(remove, '--wait', 'until they are gone', true);
  session.action<DeleteFlags>(remove, async (ctx, args, o) =>
    (await import('../commands/delete.ts')).deleteObjects(ctx, args, o),
  );
}

function scaleCommand(program: Command, session: Session): void {
  const scale = selector(writes(files(program.command('scale [what...]'))))
    .description('Change the number of replicas: cox scale deploy/web --replicas=3')
    .option('--replicas <n>', 'how many there shall be')
    .option('--current-replicas <n>', 'only if there are this many now')
    .option('--resource-version <version>', 'only if the object has this version')
    .option('--timeout <duration>', 'wait so long until there are as many', '0s');
  flag(scale, '--all', 'all objects of the type');
  session.action<ScaleFlags>(scale, async (ctx, args, o) => (await import('../commands/scale.ts')).scale(ctx, args, o));
}

function patchCommands(program: Command, session: Session): void {
  const patch = writes(files(program.command('patch [what...]')))
    .description('Change fields of an object: cox patch deploy/web -p \'{"spec":{"paused":true}}\'')
    .option('-p, --patch <patch>', 'the patch, as JSON or YAML')
    .option('--patch-file <file>', 'a file with it')
    .option('--type <type>', 'strategic, merge or json', 'strategic')
    .option('--subresource <name>', 'status or scale instead of the object');
  flag(patch, '--local', 'change what files say; ask no server');
  session.action<PatchFlags>(patch, async (ctx, args, o) => (await import('../commands/patch.ts')).patch(ctx, args, o));
  const replace = deletion(writes(files(program.command('replace'))))
    .description('Put objects from files in the place of those there are')
    .option('--subresource <name>', 'status or scale instead of the object')
    .option('--raw <uri>', 'send the file to this path of the server, as it is');
  flag(replace, '--force', 'delete and make anew');
  flag(replace, '--wait', 'taken, and not needed: what is deleted is always waited for');
  flag(replace, '--save-config', 'keep what is stored for a later apply');
  session.action<ReplaceFlags>(replace, async (ctx, _args, o) =>
    (await import('../commands/patch.ts')).replace(ctx, o),
  );
  const edit = writes(files(program.command('edit [what...]')))
    .description('Change objects in your editor')
    .option('--subresource <name>', 'status or scale instead of the object');
  flag(edit, '--output-patch', 'print the patch that is sent');
  flag(edit, '--save-config', 'keep what was edited for a later apply');
  flag(edit, '--decoded', 'values of Secrets as text');
  flag(edit, '--windows-line-endings', 'lines end in CR LF in the editor');
  session.action<EditFlags>(edit, async (ctx, args, o) => (await import('../commands/edit.ts')).edit(ctx, args, o));
}

function metadataCommand(program: Command, session: Session, kind: 'label' | 'annotate'): void {
  const word = kind === 'label' ? 'labels' : 'annotations';
  const command = selector(allNamespaces(writes(files(program.command(`${kind} [what...]`)))))
    .description(`Set and remove ${word}: cox ${kind} pod web tier=front old-`)
    .option('--resource-version <version>', 'only if the object has this version')
    .option('--field-selector <fields>', 'objects with these fields');
  flag(command, '--local', 'change what files say; ask no server');
  flag(command, '--overwrite', `change ${word} that have another value`);
  flag(command, '--all', 'all objects of the type');
  flag(command, '--list', `show the ${word}`);
  session.action<MetadataFlags>(command, async (ctx, args, o) =>
    (await import('../commands/metadata.ts')).setMetadata(ctx, kind, args, o),
  );
}
