import type { Command } from 'commander';
import type { AutoscaleFlags } from '../commands/autoscale.ts';
import type { ExposeFlags } from '../commands/expose.ts';
import type { SubjectFlags } from '../set/bindings.ts';
import type { SetFlags } from '../set/change.ts';
import type { EnvFlags } from '../set/env.ts';
import type { ResourceFlags } from '../set/pods.ts';
import { collect, files, flag, selector, writes } from './flags.ts';
import type { Session } from './session.ts';

/** Commands that change one aspect of objects that run: how they are reached, sized and set up. */
export function configuring(program: Command, session: Session): void {
  exposeCommand(program, session);
  autoscaleCommand(program, session);
  setCommands(program, session);
}

function exposeCommand(program: Command, session: Session): void {
  const expose = writes(files(program.command('expose [what...]')))
    .description('Make a Service for the pods of an object: cox expose deploy web --port=80 --target-port=8080')
    .option('--name <name>', 'name of the Service; default: that of the object')
    .option('--port <ports>', 'port of the Service; several separated by commas')
    .option('--target-port <port>', 'number or name of the port of the pods')
    .option('--protocol <protocol>', 'TCP, UDP or SCTP')
    .option('--type <type>', 'ClusterIP, NodePort, LoadBalancer or ExternalName')
    .option('-l, --labels <labels>', 'labels of the Service')
    .option('--selector <labels>', 'which pods; default: those of the object')
    .option('--cluster-ip <ip>', 'its address; "None" for a headless Service')
    .option('--external-ip <ip>', 'further address that is routed to the nodes')
    .option('--load-balancer-ip <ip>', 'address to ask the load balancer for')
    .option('--session-affinity <how>', 'None or ClientIP')
    .option('--overrides <json>', 'laid over the Service before it is made')
    .option('--override-type <type>', 'what --overrides is: a merge, strategic or json patch', 'merge');
  flag(expose, '--save-config', 'keep what is created for a later apply');
  session.action<ExposeFlags>(expose, async (ctx, args, o) =>
    (await import('../commands/expose.ts')).expose(ctx, args, o),
  );
}

function autoscaleCommand(program: Command, session: Session): void {
  const autoscale = writes(files(program.command('autoscale [what...]')))
    .description(
      'Let the number of replicas follow the load: cox autoscale deploy/web --min=2 --max=5 --cpu-percent=80',
    )
    .option('--min <n>', 'not fewer replicas than this')
    .option('--max <n>', 'not more replicas than this')
    .option('--cpu-percent <n>', 'CPU used on average, in percent of what is requested')
    .option('--name <name>', 'name of the autoscaler; default: that of the object');
  flag(autoscale, '--save-config', 'keep what is created for a later apply');
  session.action<AutoscaleFlags>(autoscale, async (ctx, args, o) =>
    (await import('../commands/autoscale.ts')).autoscale(ctx, args, o),
  );
}

function setCommands(program: Command, session: Session): void {
  const set = program.command('set').description('Change the image, variables, resources and more of workloads');
  const sub = (line: string, description: string): Command => {
    const command = selector(writes(files(set.command(`${line} [what...]`)))).description(description);
    return flag(flag(command, '--all', 'all objects of the type'), '--local', 'change files only; ask no server');
  };
  session.action<SetFlags>(sub('image', 'Change images: cox set image deploy/web app=web:2'), async (ctx, args, o) =>
    (await import('../set/pods.ts')).setImage(ctx, args, o),
  );
  session.action<ResourceFlags>(
    sub('resources', 'Change requests and limits: cox set resources deploy/web --limits=cpu=1')
      .option('--limits <amounts>', 'resource=amount, comma-separated')
      .option('--requests <amounts>', 'resource=amount, comma-separated')
      .option('-c, --containers <name>', 'which containers; "*" for any text', '*'),
    async (ctx, args, o) => (await import('../set/pods.ts')).setResources(ctx, args, o),
  );
  session.action<SetFlags>(
    sub('serviceaccount', 'Change the account pods run as: cox set sa deploy/web robot').alias('sa'),
    async (ctx, args, o) => (await import('../set/pods.ts')).setServiceAccount(ctx, args, o),
  );
  session.action<SetFlags & { resourceVersion?: string }>(
    sub('selector', 'Change which pods a Service reaches: cox set selector svc/web app=web').option(
      '--resource-version <version>',
      'only if the object has this version',
    ),
    async (ctx, args, o) => (await import('../set/bindings.ts')).setSelector(ctx, args, o),
  );
  session.action<SubjectFlags>(
    sub('subject', 'Add users, groups and accounts to a binding: cox set subject rolebinding view --user=ann')
      .option('--user <name>', 'a user; repeatable', collect)
      .option('--group <name>', 'a group; repeatable', collect)
      .option('--serviceaccount <namespace:name>', 'an account; repeatable', collect),
    async (ctx, args, o) => (await import('../set/bindings.ts')).setSubject(ctx, args, o),
  );
  envCommand(sub('env', 'Change variables: cox set env deploy/web LEVEL=3 OLD-'), session);
}

function envCommand(env: Command, session: Session): void {
  env
    .option('-e, --env <key=value>', 'a variable; repeatable', collect)
    .option('--from <object>', 'every key of configmap/NAME or secret/NAME')
    .option('--prefix <text>', 'put before the names of --from')
    .option('--keys <keys>', 'only these keys of --from', (v: string, old: string[] = []) => [...old, ...v.split(',')])
    .option('-c, --containers <name>', 'which containers; "*" for any text', '*');
  flag(env, '--list', 'show the variables');
  flag(env, '--resolve', 'with --list: show what references stand for');
  flag(env, '--overwrite', 'change variables that have a value', true);
  session.action<EnvFlags>(env, async (ctx, args, o) => (await import('../set/env.ts')).setEnv(ctx, args, o));
}
