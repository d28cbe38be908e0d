import { type Command, InvalidArgumentError, Option } from 'commander';

/** Declares a switch; `--no-name` turns it off again, as `--name=false` does in kubectl. */
export function flag(command: Command, flags: string, description: string, fallback = false): Command {
  const name = /--([a-z-]+)/.exec(flags)?.[1] ?? '';
  command.option(flags, description, fallback);
  return command.addOption(new Option(`--no-${name}`).hideHelp().default(fallback));
}

const append = (value: string, before: string[] | undefined): string[] => [...(before ?? []), ...value.split(',')];
/** Repeatable, each value whole. */
export const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

export function wholeNumber(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError(`"${text}" is not a whole number`);
  return Number(text);
}

/** Options of the program: every command takes them, before and after its name. */
export const globals = (command: Command): Command =>
  command
    .option('-n, --namespace <name>', 'namespace to work in')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--kubeconfig <file>', 'kubeconfig file; default: $KUBECONFIG, then ~/.kube/config')
    .option('-s, --server <url>', "address of the API server instead of the kubeconfig's")
    .option('--token <token>', "bearer token instead of the kubeconfig's credentials");

export const files = (command: Command): Command =>
  flag(
    command.option(
      '-f, --filename <file>',
      'file or folder with manifests, "-" for standard input; repeatable',
      append,
    ),
    '-R, --recursive',
    'folders below the given ones too',
  );

export const selector = (command: Command): Command =>
  command.option('-l, --selector <labels>', 'objects with these labels, such as app=web,tier!=db');

export const output = (command: Command): Command =>
  command.option('-o, --output <format>', 'json, yaml, name, jsonpath=…, custom-columns=…');

export const dryRun = (command: Command): Command =>
  command.option('--dry-run <how>', '"client": only print; "server": ask the server, store nothing', 'none');

/** What changes objects: where they come from, what is printed, whether it is only tried. */
export const writes = (command: Command): Command =>
  dryRun(output(command))
    .option('--validate <how>', 'unknown fields: strict (an error), warn or ignore', 'strict')
    .option('--field-manager <name>', 'who the changed fields belong to');

export const allNamespaces = (command: Command): Command => flag(command, '-A, --all-namespaces', 'in every namespace');
