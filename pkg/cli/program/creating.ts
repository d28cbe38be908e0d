import { Command } from 'commander';
import type { TokenFlags } from '../auth/token.ts';
import type { CreateFileFlags } from '../commands/create.ts';
import { type GeneratorFlags, generators } from '../create/generators.ts';
import { CliError } from '../errors.ts';
import { collect, files, flag, output, selector, writes } from './flags.ts';
import type { Session } from './session.ts';

/** `create`, with its generators. */
export function creating(program: Command, session: Session): void {
  const create = writes(files(program.command('create'))).description(
    'Make objects from files, or of a kind: cox create -f app.yaml, cox create deployment web --image=nginx',
  );
  flag(create, '--save-config', 'keep what is created for a later apply');
  flag(selector(create), '--edit', 'in your editor before it is created');
  flag(create, '--windows-line-endings', 'with --edit: lines end in CR LF in the editor');
  create.option('--raw <uri>', 'send the file to this path of the server, as it is');
  create.argument('[what...]').allowExcessArguments(true);
  session.action<CreateFileFlags>(create, async (ctx, args, o) => {
    if (args.length > 0)
      throw new CliError(`unknown kind "${args[0]}"; give a file with -f, or see "cox create --help"`);
    return (await import('../commands/create.ts')).createFromFiles(ctx, o);
  });
  tokenCommand(create, session);
  for (const g of generators) {
    const command = new Command(g.name).description(g.description);
    for (const alias of g.aliases ?? []) command.alias(alias);
    for (const a of g.arguments ?? ['<name>']) command.argument(a);
    for (const [flags, text, kind] of g.flags) {
      if (kind === 'switch') flag(command, flags, text);
      else if (kind === 'list') command.option(flags, text, collect);
      else command.option(flags, text);
    }
    flag(writes(command), '--save-config', 'keep what is created for a later apply');
    command.copyInheritedSettings(program).exitOverride();
    session.action<GeneratorFlags>(command, async (ctx, args, o) => {
      const { createGenerated } = await import('../create/create.ts');
      await createGenerated(ctx, g, { args, flags: o, command: session.command });
    });
    parentOf(create, g.path).addCommand(command);
  }
}

function tokenCommand(create: Command, session: Session): void {
  const token = output(create.command('token [account...]'))
    .description('Make a token of a service account')
    .option('--audience <name>', 'who shall believe it; repeatable', collect)
    .option('--duration <duration>', 'how long it is good')
    .option('--bound-object-kind <kind>', 'Pod, Secret or Node: good only as long as this object exists')
    .option('--bound-object-name <name>', 'name of that object')
    .option('--bound-object-uid <uid>', 'uid of that object');
  session.action<TokenFlags>(token, async (ctx, args, o) =>
    (await import('../auth/token.ts')).createToken(ctx, args, o),
  );
}

/** `create service clusterip`: the middle word is a command of its own. */
function parentOf(create: Command, path: string | undefined): Command {
  if (!path) return create;
  const found = create.commands.find((c) => c.name() === path);
  if (found) return found;
  const made = new Command(path).description(`Make a ${path} of one of these sorts`);
  if (path === 'service') made.alias('svc');
  create.addCommand(made);
  return made;
}
