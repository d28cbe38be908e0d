import type { Command } from 'commander';
import type { ApiResourceFlags } from '../commands/api-resources.ts';
import type { DumpFlags } from '../commands/cluster-info.ts';
import type { ExplainFlags } from '../commands/explain.ts';
import type { VersionFlags } from '../commands/version.ts';
import type { GlobalOptions } from '../context.ts';
import { allNamespaces, collect, flag, output } from './flags.ts';
import type { Session } from './session.ts';

/** Commands about the cluster itself and how to reach it. */
export function clusterInfo(program: Command, session: Session): void {
  infoCommands(program, session);
  kindCommands(program, session);
}

function infoCommands(program: Command, session: Session): void {
  const info = program.command('cluster-info').description('Show where the control plane is reached');
  session.action<GlobalOptions>(info, async (ctx, _args, o) =>
    (await import('../commands/cluster-info.ts')).clusterInfo(ctx, o.namespace),
  );
  const dump = allNamespaces(output(info.command('dump')))
    .description('Print objects and logs, to read elsewhere')
    .option('--pod-running-timeout <duration>', 'taken, and not needed: logs of pods that do not run are left out')
    .option('--output-directory <folder>', 'files there instead of printing')
    .option('--namespaces <names>', 'of these namespaces instead of kube-system and the present one', collect);
  session.action<DumpFlags>(dump, async (ctx, _args, o) => (await import('../commands/cluster-info.ts')).dump(ctx, o));
}

function kindCommands(program: Command, session: Session): void {
  const version = output(program.command('version')).description('Show the versions of cox and of the server');
  flag(version, '--client', 'of cox only');
  session.local<VersionFlags>(version, async (_args, o) =>
    (await import('../commands/version.ts')).version(session.out, () => session.context(o), o),
  );
  const resources = output(program.command('api-resources'))
    .description('Show the kinds of objects the server has')
    .option('--api-group <group>', 'of this group only')
    .option('--namespaced <bool>', 'only those in namespaces, or only those outside')
    .option('--verbs <verbs>', 'only those that know these verbs')
    .option('--categories <names>', 'only those of these categories')
    .option('--sort-by <field>', 'name or kind');
  flag(resources, '--cached', 'as they were when they were last asked for');
  resources.option('--no-headers', 'rows without column names');
  session.action<ApiResourceFlags>(resources, async (ctx, _args, o) =>
    (await import('../commands/api-resources.ts')).apiResources(ctx, o),
  );
  const versions = program.command('api-versions').description('Show the API versions the server has');
  session.action<GlobalOptions>(versions, async (ctx) =>
    (await import('../commands/api-resources.ts')).apiVersions(ctx),
  );
  const explain = program
    .command('explain <what>')
    .description('Show the fields of a kind: cox explain pod.spec.containers')
    .option('--api-version <version>', 'of this API version')
    .option('-o, --output <format>', 'plaintext, or plaintext-openapiv2 as kubectl printed before 1.27', 'plaintext');
  flag(explain, '--recursive', 'with all fields below');
  session.action<ExplainFlags>(explain, async (ctx, args, o) =>
    (await import('../commands/explain.ts')).explain(ctx, args[0] ?? '', o),
  );
}
