import type { Command } from 'commander';
import type { DescribeOptions } from '../commands/describe.ts';
import type { EventOptions } from '../commands/events.ts';
import type { WaitOptions } from '../commands/wait.ts';
import type { GetOptions } from '../get/options.ts';
import type { KustomizeFlags } from '../kustomize/kustomize.ts';
import { allNamespaces, collect, files, flag, output, selector } from './flags.ts';
import type { Session } from './session.ts';

/** Commands that only look. */
export function reading(program: Command, session: Session): void {
  getCommand(program, session);
  describeCommand(program, session);
  eventsCommand(program, session);
  waitCommand(program, session);
  const build = program
    .command('kustomize [folder...]')
    .description('Show what the kustomization of a folder builds')
    .option('-o, --output <path>', 'write there instead of printing')
    .option('--load-restrictor <name>', 'LoadRestrictionsNone: files outside of the folder, too');
  session.local<KustomizeFlags>(build, async (args, o) =>
    (await import('../kustomize/kustomize.ts')).kustomize(session.out, args, o),
  );
  const why = program
    .command('why [what...]')
    .description('Why does it not run, is not reached, is pending or stuck? cox why POD, cox why deploy/web');
  const tree = program.command('tree [what...]').description('An object and what it owns: cox tree deploy/web');
  session.action(tree, async (ctx, args) => (await import('../tree/tree.ts')).tree(ctx, args));
  session.action(why, async (ctx, args) => (await import('../why/why.ts')).why(ctx, args));
}

function getCommand(program: Command, session: Session): void {
  const get = selector(allNamespaces(files(output(program.command('get [what...]')))))
    .description('Show objects: cox get pods, cox get deploy/web svc/web, cox get all -A')
    .option('--field-selector <fields>', 'objects with these fields, such as status.phase=Running')
    .option('--sort-by <jsonpath>', 'order rows by this field, such as .metadata.creationTimestamp')
    .option('-L, --label-columns <labels>', 'labels to show as columns, comma-separated')
    .option('--chunk-size <n>', 'objects per request; 0 for all at once', '500')
    .option('--subresource <name>', 'status or scale instead of the object')
    .option('--raw <path>', 'the answer of the server to this path, as it is');
  for (const [flags, text] of [
    ['-w, --watch', 'go on showing changes'],
    ['--watch-only', 'show changes only'],
    ['--output-watch-events', 'show the kind of change'],
    ['--show-labels', 'labels in the last column'],
    ['--show-kind', 'the kind before each name'],
    ['--no-headers', 'rows without column names'],
    ['--ignore-not-found', 'absent objects are no error'],
  ] as const) {
    if (flags === '--no-headers') get.option(flags, text);
    else flag(get, flags, text);
  }
  flag(get, '--server-print', 'columns as the server has them; without: name and age', true);
  session.action<GetOptions>(get, async (ctx, args, o) => (await import('../commands/get.ts')).get(ctx, args, o));
}

function describeCommand(program: Command, session: Session): void {
  const describe = selector(allNamespaces(files(program.command('describe [what...]')))).description(
    'Show objects in words, with what happened to them: cox describe pod web-0',
  );
  flag(describe, '--show-events', 'events about each object', true);
  describe.option('--chunk-size <n>', 'objects per request; 0 for all at once', '500');
  session.action<DescribeOptions>(describe, async (ctx, args, o) =>
    (await import('../commands/describe.ts')).describe(ctx, args, o),
  );
}

function eventsCommand(program: Command, session: Session): void {
  const events = allNamespaces(output(program.command('events')))
    .description('Show events in the order they happened')
    .option('--for <object>', 'only those about TYPE/NAME')
    .option('--types <types>', 'only Normal, only Warning')
    .option('--chunk-size <n>', 'objects per request; 0 for all at once', '500');
  flag(events, '-w, --watch', 'go on showing new ones').option('--no-headers', 'rows without column names');
  session.action<EventOptions>(events, async (ctx, _args, o) => (await import('../commands/events.ts')).events(ctx, o));
}

function waitCommand(program: Command, session: Session): void {
  const wait = selector(allNamespaces(files(output(program.command('wait [what...]')))))
    .description('Wait until objects are as wanted: cox wait --for=condition=Ready pod/web')
    .option('--for <what>', 'condition=NAME[=VALUE], delete, create or jsonpath={…}[=VALUE]', collect)
    .option('--timeout <duration>', 'give up after this long', '30s')
    .option('--field-selector <fields>', 'objects with these fields');
  flag(wait, '--all', 'all objects of the type');
  session.action<WaitOptions>(wait, async (ctx, args, o) => (await import('../commands/wait.ts')).wait(ctx, args, o));
}
