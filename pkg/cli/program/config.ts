import type { Command } from 'commander';
import type { EntryFlags } from '../kubeconfig/change.ts';
import type { ViewFlags } from '../kubeconfig/view.ts';
import { collect, flag, output } from './flags.ts';
import type { Session } from './session.ts';

/** `config`: kubeconfig files, without asking any server. */
export function config(program: Command, session: Session): void {
  const config = program.command('config').description('Show and change kubeconfig files');
  looking(config, session);
  const change = (line: string, description: string, verb: Verb): Command => {
    const command = config.command(line).description(description);
    return session.local<EntryFlags>(command, async (args, o) =>
      verb(await import('../kubeconfig/change.ts'), args, o),
    );
  };
  type Verb = (m: typeof import('../kubeconfig/change.ts'), args: string[], o: EntryFlags) => void;
  const { out, err } = session;
  clusterFlags(change('set-cluster [name]', 'Make or change a cluster', (m, a, o) => m.setCluster(out, a, o)));
  userFlags(change('set-credentials [name]', 'Make or change a user', (m, a, o) => m.setCredentials(out, a, o)));
  const context = change('set-context [name]', 'Make or change a context', (m, a, o) => m.setContext(out, a, o))
    .option('--cluster <name>', 'cluster of the context')
    .option('--user <name>', 'user of the context');
  flag(context, '--current', 'the context in use');
  context.option('--protected', 'ask before anything is changed or deleted there').option('--no-protected', 'do not');
  context.setOptionValueWithSource('protected', undefined, 'default');
  change('use-context [name]', 'Take a context into use', (m, a, o) => m.useContext(out, a, o)).alias('use');
  change('rename-context [old] [new]', 'Give a context another name', (m, a, o) => m.renameContext(out, a, o));
  change('delete-cluster [name]', 'Remove a cluster', (m, a, o) => m.remove({ out, err }, 'clusters', a, o));
  change('delete-context [name]', 'Remove a context', (m, a, o) => m.remove({ out, err }, 'contexts', a, o));
  change('delete-user [name]', 'Remove a user', (m, a, o) => m.remove({ out, err }, 'users', a, o));
  const set = change('set [property...]', 'Set one field: cox config set contexts.dev.namespace shop', (m, a, o) =>
    m.setProperty(out, a, o),
  );
  flag(set, '--set-raw-bytes', 'fields ending in -data: the value is not base64 yet');
  change('unset [property]', 'Remove one field or entry', (m, a, o) => m.unsetProperty(out, a, o));
}

function looking(config: Command, session: Session): void {
  const { out } = session;
  const view = output(config.command('view')).description('Show what all kubeconfig files say together');
  flag(view, '--raw', 'with tokens, passwords and certificates');
  flag(view, '--minify', 'only the context in use');
  flag(view, '--flatten', 'the content of files instead of their names');
  flag(view, '--merge', 'all files together', true);
  session.local<ViewFlags>(view, async (_args, o) => (await import('../kubeconfig/view.ts')).view(out, o));
  const contexts = output(config.command('get-contexts [name...]')).description('Show the contexts');
  contexts.option('--no-headers', 'rows without column names');
  session.local<{ output?: string; headers?: boolean }>(contexts, async (args, o) =>
    (await import('../kubeconfig/view.ts')).getContexts(out, args, o),
  );
  for (const section of ['clusters', 'users'] as const) {
    session.local(config.command(`get-${section}`).description(`Show the names of the ${section}`), async (_args, o) =>
      (await import('../kubeconfig/view.ts')).getNames(out, section, o.kubeconfig),
    );
  }
  session.local(config.command('current-context').description('Show the name of the context in use'), async (_a, o) => {
    const [{ ConfigFiles }, { CliError }] = await Promise.all([
      import('../kubeconfig/files.ts'),
      import('../errors.ts'),
    ]);
    const { currentContext } = new ConfigFiles(o.kubeconfig).merged;
    if (!currentContext) throw new CliError('current-context is not set');
    out(`${currentContext}\n`);
  });
}

function clusterFlags(command: Command): void {
  command
    .option('--certificate-authority <file>', 'certificate of who signed that of the server')
    .option('--tls-server-name <name>', 'name in the certificate of the server')
    .option('--proxy-url <url>', 'proxy on the way to it')
    .option('--insecure-skip-tls-verify', 'believe any certificate')
    .option('--no-insecure-skip-tls-verify', 'believe only those that are signed');
  flag(command, '--embed-certs', 'keep the content of certificates, not the names of files');
}

function userFlags(command: Command): void {
  command
    .option('--username <name>', 'name for basic authentication')
    .option('--password <password>', 'password for basic authentication')
    .option('--client-certificate <file>', 'certificate of the user')
    .option('--client-key <file>', 'key of the certificate')
    .option('--exec-command <program>', 'program that gives credentials')
    .option('--exec-api-version <version>', 'what the program speaks')
    .option('--exec-interactive-mode <mode>', 'whether the program may ask: Never, IfAvailable or Always')
    .option('--exec-arg <arg>', 'argument of the program; repeatable', collect)
    .option('--exec-env <key=value>', 'variable of the program; repeatable', collect);
  flag(command, '--exec-provide-cluster-info', 'tell the program about the cluster');
  flag(command, '--embed-certs', 'keep the content of certificates, not the names of files');
}
