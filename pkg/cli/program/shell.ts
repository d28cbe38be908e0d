import type { Command } from 'commander';
import type { TopFlags } from '../top/top.ts';
import { allNamespaces, flag, selector } from './flags.ts';
import { commandNames } from './groups.ts';
import type { Session } from './session.ts';

/** Completion of command lines, programs beside cox, the flags of all commands, and what things use. */
export function shell(program: Command, session: Session): void {
  const options = program.command('options').description('Show the flags every command takes');
  session.local(options, async () => session.out(globalFlags(program)));
  const completion = program
    .command('completion [shell...]')
    .description('Print the script that completes command lines: source <(cox completion bash)');
  session.local(completion, async (args) => session.out((await import('../completion/scripts.ts')).scriptFor(args)));
  const plugin = program
    .command('plugin')
    .description('Programs cox-NAME and kubectl-NAME on PATH are commands of cox');
  const list = plugin.command('list').description('Show them');
  flag(list, '--name-only', 'names without folders');
  session.local<{ nameOnly?: boolean }>(list, async (_args, o) =>
    (await import('../plugins/plugins.ts')).listPlugins(session, o, commandNames()),
  );
  const top = program.command('top').description('Show what nodes and pods use');
  const nodes = usage(top.command('node [name...]').aliases(['nodes', 'no'])).description('CPU and memory nodes use');
  flag(nodes, '--show-capacity', 'in percent of what nodes have, not of what pods may take');
  session.action<TopFlags>(nodes, async (ctx, args, o) => (await import('../top/top.ts')).topNodes(ctx, args, o));
  const pods = allNamespaces(usage(top.command('pod [name...]').aliases(['pods', 'po'])))
    .description('CPU and memory pods use')
    .option('--field-selector <fields>', 'pods with these fields');
  flag(pods, '--containers', 'each container by itself');
  flag(pods, '--sum', 'with their sum');
  session.action<TopFlags>(pods, async (ctx, args, o) => (await import('../top/top.ts')).topPods(ctx, args, o));
}

/** The flags of the program, as its help shows them. */
function globalFlags(program: Command): string {
  const help = program.createHelp();
  help.prepareContext({});
  const flags = program.options.filter((o) => !o.hidden && o.long !== '--version');
  const items = flags.map((o) => [help.optionTerm(o), help.optionDescription(o)] as const);
  const width = Math.max(...items.map(([term]) => term.length));
  const lines = items.map(([term, about]) => help.formatItem(term, width, about, help));
  return `Every command takes these flags, before or after its name:\n\n${lines.join('\n')}\n`;
}

const usage = (command: Command): Command =>
  selector(flag(command, '--use-protocol-buffers', 'taken, and not needed', true))
    .option('--sort-by <resource>', 'cpu or memory, most first')
    .option('--no-headers', 'rows without column names');
