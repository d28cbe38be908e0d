import type { Command } from 'commander';
import type { ApplyFlags } from '../commands/apply.ts';
import type { DeleteFlags } from '../commands/delete.ts';
import type { MetadataFlags } from '../commands/metadata.ts';
import type { PatchFlags } from '../commands/patch.ts';
import type { ScaleFlags } from '../commands/scale.ts';
import type { WriteFlags } from '../commands/write.ts';
import { allNamespaces, files, flag, output, selector, writes } from './flags.ts';
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
  const apply = selector(writes(files(program.command('apply')))).description(
    'Make objects as files say: create what is missing, patch what differs',
  );
  flag(apply, '--server-side', 'let the server merge and keep track of who owns which field');
  flag(apply, '--force-conflicts', 'take fields over from other managers');
  flag(apply, '--force', 'replace objects whose change is refused');
  const view = output(files(apply.command('view-last-applied [what...]'))).description('Show what was applied last');
  session.action<WriteFlags>(view, async (ctx, args, o) =>
    (await import('../commands/last-applied.ts')).viewLastApplied(ctx, args, o),
  );
  const set = writes(files(apply.command('set-last-applied'))).description('Take files as what was applied last');
  flag(set, '--create-annotation', 'also where nothing was applied');
  session.action<WriteFlags & { createAnnotation?: boolean }>(set, async (ctx, _args, o) =>
    (await import('../commands/last-applied.ts')).setLastApplied(ctx, o),
  );
  session.action<ApplyFlags>(apply, async (ctx, _args, o) => (await import('../commands/apply.ts')).apply(ctx, o));
}

function deleteCommand(program: Command, session: Session): void {
  const remove = selector(allNamespaces(writes(files(program.command('delete [what...]')))))
    .description('Delete objects and wait until they are gone')
    .option('--field-selector <fields>', 'objects with these fields')
    .option('--grace-period <seconds>', 'time processes get to end')
    .option('--cascade <how>', 'dependents: background, foreground or orphan', 'background')
    .option('--timeout <duration>', 'give up waiting after this long', '0s');
  flag(remove, '--all', 'all objects of the type');
  flag(remove, '--force', 'with --grace-period=0: do not wait for the processes');
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
    .option('--current-replicas <n>', 'only if there are this many now');
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
  session.action<PatchFlags>(patch, async (ctx, args, o) => (await import('../commands/patch.ts')).patch(ctx, args, o));
  const replace = writes(files(program.command('replace'))).description(
    'Put objects from files in the place of those there are',
  );
  flag(replace, '--force', 'delete and make anew');
  session.action<WriteFlags & { force?: boolean }>(replace, async (ctx, _args, o) =>
    (await import('../commands/patch.ts')).replace(ctx, o),
  );
  const edit = writes(program.command('edit <what...>')).description('Change objects in your editor');
  session.action<WriteFlags>(edit, async (ctx, args, o) => (await import('../commands/edit.ts')).edit(ctx, args, o));
}

function metadataCommand(program: Command, session: Session, kind: 'label' | 'annotate'): void {
  const word = kind === 'label' ? 'labels' : 'annotations';
  const command = selector(allNamespaces(writes(files(program.command(`${kind} [what...]`)))))
    .description(`Set and remove ${word}: cox ${kind} pod web tier=front old-`)
    .option('--resource-version <version>', 'only if the object has this version');
  flag(command, '--overwrite', `change ${word} that have another value`);
  flag(command, '--all', 'all objects of the type');
  flag(command, '--list', `show the ${word}`);
  session.action<MetadataFlags>(command, async (ctx, args, o) =>
    (await import('../commands/metadata.ts')).setMetadata(ctx, kind, args, o),
  );
}
