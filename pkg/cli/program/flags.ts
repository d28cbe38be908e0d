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

/** Commands with a flag of their own of the same name as one about the connection. */
const OWN_NAMES = /^(config|set|create (cluster)?rolebinding)( |$)/;

/** The words a command line begins with, without flags of the program before and between them. @param command with its flags */
function wordsOf(argv: readonly string[], command: Command): string[] {
  const takesValue = new Set(
    command.options.filter((o) => o.required).flatMap((o) => [o.short ?? '--', o.long ?? '--']),
  );
  return argv.filter((word, i) => !word.startsWith('-') && !takesValue.has(argv[i - 1] ?? ''));
}

/** The entries of the kubeconfig and who asks, for commands where these words mean nothing else. */
function entries(command: Command): void {
  for (const [flags, key, text] of [
    ['--cluster <name>', 'entryCluster', 'cluster of the kubeconfig instead of the one of the context'],
    ['--user <name>', 'entryUser', 'user of the kubeconfig instead of the one of the context'],
    ['--username <name>', 'basicUsername', 'name for basic authentication'],
    ['--password <password>', 'basicPassword', 'password for basic authentication'],
  ] as const) {
    const option = new Option(flags, text);
    // A command's own flag of this name means something else.
    option.attributeName = () => key;
    command.addOption(option);
  }
}

/** Options of the program: every command takes them, before and after its name. @returns the words of the command line */
export function globals(command: Command, argv: readonly string[]): string[] {
  const words = wordsOf(argv, connection(command));
  if (!OWN_NAMES.test(words.slice(0, 2).join(' '))) entries(command);
  return words;
}

const connection = (command: Command): Command =>
  command
    .option('-n, --namespace <name>', 'namespace to work in')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--kubeconfig <file>', 'kubeconfig file; default: $KUBECONFIG, then ~/.kube/config')
    .option('-s, --server <url>', "address of the API server instead of the kubeconfig's")
    .option('--token <token>', "bearer token instead of the kubeconfig's credentials")
    .option('--request-timeout <duration>', 'give up on an answer after this long; 0 for never')
    .option('--insecure-skip-tls-verify', 'trust any server')
    .option('--certificate-authority <file>', 'certificate of the authority to trust')
    .option('--client-certificate <file>', "certificate instead of the kubeconfig's credentials")
    .option('--client-key <file>', 'its private key')
    .option('--tls-server-name <name>', 'name the certificate of the server has to have')
    .option('--as <user>', 'act as this user')
    .option('--as-group <group>', 'act as a member of this group; repeatable', collect)
    .option('--as-uid <uid>', 'act with this uid')
    .option('--cache-dir <folder>', 'where what a server offers is kept; default: ~/.kube/cache')
    .option('-v, --v <level>', 'from 6 on every request is told of, from 8 on with its body', '0')
    .option('--warnings-as-errors', 'exit code 1 when the server warns')
    .option('--match-server-version', 'refuse to work with a server of another version')
    .option('--disable-compression', 'taken, and not needed: answers are never compressed');

export const files = (command: Command): Command =>
  flag(
    command
      .option('-k, --kustomize <folder>', 'what the kustomization of a folder builds')
      .option('-f, --filename <file>', 'file or folder with manifests, "-" for standard input; repeatable', append),
    '-R, --recursive',
    'folders below the given ones too',
  );

export const selector = (command: Command): Command =>
  command.option('-l, --selector <labels>', 'objects with these labels, such as app=web,tier!=db');

/** "JSON" is "json"; what comes after "=" stays as it is. */
const lower = (format: string): string => (/^(json|yaml)$/i.test(format) ? format.toLowerCase() : format);

export function output(command: Command): Command {
  command
    .option('-o, --output <format>', 'json, yaml, name, jsonpath=…, custom-columns=…', lower)
    .option('--template <text>', 'for -o go-template, jsonpath and their files: the template, or its file');
  flag(command, '--show-managed-fields', 'metadata.managedFields in JSON and YAML');
  return flag(command, '--allow-missing-template-keys', 'a template may name what is not there', true);
}

export const dryRun = (command: Command): Command =>
  command.option('--dry-run <how>', '"client": only print; "server": ask the server, store nothing', 'none');

/** What changes objects: where they come from, what is printed, whether it is only tried. */
export const writes = (command: Command): Command =>
  dryRun(output(command))
    .option('--validate <how>', 'unknown fields: strict (an error), warn or ignore', 'strict')
    .option('--field-manager <name>', 'who the changed fields belong to');

/** How what is deleted goes. */
export function deletion(command: Command, cascade?: string): Command {
  return command
    .option('--cascade <how>', 'dependents: background, foreground or orphan', cascade)
    .option('--grace-period <seconds>', 'time processes get to end')
    .option('--timeout <duration>', 'give up waiting after this long');
}

export const allNamespaces = (command: Command): Command => flag(command, '-A, --all-namespaces', 'in every namespace');
