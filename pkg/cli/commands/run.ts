import { type Pod, Pods } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { containerStatus, isFinished, untilPod } from '../remote/pod-state.ts';
import { typedNext } from '../why/answer.ts';
import { attachTo } from './attach.ts';
import { type CreateFlags, createAs } from './create.ts';
import { type DeletionFlags, deleteObjects, deletionIn } from './delete.ts';
import { labelsOf, overridden } from './expose.ts';

export interface RunFlags extends CreateFlags, DeletionFlags {
  readonly image?: string;
  readonly imagePullPolicy?: string;
  readonly restart?: string;
  readonly port?: string;
  readonly expose?: boolean;
  readonly env?: readonly string[];
  readonly labels?: string;
  readonly annotations?: readonly string[];
  readonly command?: boolean;
  readonly privileged?: boolean;
  readonly overrides?: string;
  readonly overrideType?: string;
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly attach?: boolean;
  readonly rm?: boolean;
  readonly quiet?: boolean;
  readonly leaveStdinOpen?: boolean;
  readonly podRunningTimeout?: string;
}

const RESTARTS = new Set(['Always', 'OnFailure', 'Never']);
const PULLS = new Set(['Always', 'IfNotPresent', 'Never']);
/** Host and path in small letters, then an optional tag and digest. */
const IMAGE = /^([\w.-]+(:\d+)?\/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[\w][\w.-]*)?(@[\w+.-]+:[0-9a-fA-F]+)?$/;

function check(o: RunFlags): void {
  if (!IMAGE.test(o.image ?? '')) throw new CliError(`Invalid image name "${o.image}": invalid reference format`);
  if (o.tty && !o.stdin) throw new CliError('-i/--stdin is required for containers with -t/--tty=true');
  if (o.rm && !isAttached(o)) throw new CliError('--rm should only be used for attached containers');
  if (isAttached(o) && o.dryRun && o.dryRun !== 'none')
    throw new CliError(
      "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)",
    );
  if (o.restart && !RESTARTS.has(o.restart)) throw new CliError(`invalid restart policy: ${o.restart}`);
  if (o.imagePullPolicy && !PULLS.has(o.imagePullPolicy))
    throw new CliError(`invalid image pull policy: ${o.imagePullPolicy}`);
  if (o.port && !/^\d+$/.test(o.port)) throw new CliError(`strconv.Atoi: parsing "${o.port}": invalid syntax`);
  const odd = (o.annotations ?? []).find((a) => !/^[^=]+(=|-$)/.test(a));
  if (odd !== undefined) throw new CliError(`invalid annotations format: ${odd}`);
  if (o.expose && !o.port) throw new CliError('--port must be set when exposing a service');
}

const isAttached = (o: RunFlags): boolean => o.attach === true || o.stdin === true;

const pairsOf = (list: readonly string[] | undefined): Record<string, string> =>
  (list ?? []).length > 0 ? labelsOf((list ?? []).join(',')) : {};

function envOf(text: string): { name: string; value: string } {
  const at = text.indexOf('=');
  if (at <= 0) throw new CliError(`invalid env: ${text}`);
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}

function podOf(name: string, namespace: string, line: readonly string[], o: RunFlags): KubeObject {
  const annotations = pairsOf(o.annotations);
  const env = (o.env ?? []).map(envOf);
  const container = {
    name,
    image: o.image,
    ...(o.imagePullPolicy ? { imagePullPolicy: o.imagePullPolicy } : {}),
    ...(line.length > 0 ? { [o.command ? 'command' : 'args']: [...line] } : {}),
    ...(env.length > 0 ? { env } : {}),
    ...(o.port ? { ports: [{ containerPort: Number(o.port) }] } : {}),
    ...(o.stdin ? { stdin: true, ...(o.leaveStdinOpen ? {} : { stdinOnce: true }) } : {}),
    ...(o.tty ? { tty: true } : {}),
    ...(o.privileged ? { securityContext: { privileged: true } } : {}),
    resources: {},
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: o.labels ? labelsOf(o.labels) : { run: name },
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    spec: { containers: [container], dnsPolicy: 'ClusterFirst', restartPolicy: o.restart ?? 'Always' },
  } as KubeObject;
}

async function exposePort(ctx: CliContext, pod: KubeObject, o: RunFlags): Promise<void> {
  const port = Number(o.port);
  const { name = '', namespace, labels } = pod.metadata ?? {};
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels },
    spec: { ports: [{ port, protocol: 'TCP', targetPort: port }], selector: labels },
  } as KubeObject;
  const services = await (await ctx.discovery()).find('services');
  await createAs(ctx, services, service, { done: 'created', manager: 'kubectl-run', ...o });
}

/** `cox run NAME --image=IMAGE [-- ARGS]`. @returns the exit code of what ran, if it was attached to */
export async function run(
  ctx: CliContext,
  args: readonly string[],
  command: readonly string[],
  o: RunFlags,
): Promise<number> {
  const [name, ...rest] = args;
  if (!o.image) throw new CliError('required flag(s) "image" not set');
  if (!name) throw new CliError('NAME is required for run');
  check(o);
  const line = command.length > 0 ? [...rest, ...command] : rest;
  const pod = overridden(Pods, podOf(name, ctx.namespace, line, o), o);
  if (o.expose) await exposePort(ctx, pod, o);
  const pods = await (await ctx.discovery()).find('pods');
  // An attached run shows what its container prints, not that it was made.
  const quiet = isAttached(o) && !o.output ? { ...ctx, out: () => {} } : ctx;
  await createAs(quiet, pods, pod, { done: 'created', manager: 'kubectl-run', ...o });
  if (!isAttached(o)) return 0;
  try {
    await attachTo(ctx, name, name, o);
    return await outcome(ctx, name, o);
  } finally {
    if (o.rm) {
      // It goes after an interrupt, too. Nobody waits any more then.
      const lasting = { ...ctx, signal: new AbortController().signal };
      const telling = o.quiet ? { ...lasting, out: () => {}, err: () => {} } : lasting;
      const wait = o.wait === true && !ctx.signal.aborted;
      const code = await deleteObjects(telling, [`pods/${name}`], { ...deletionIn(o), wait, yes: true });
      if (code !== 0) ctx.err(`pod/${name} is left; next: ${typedNext(`cox delete pod ${name}`, ctx)}\n`);
    }
  }
}

/** The exit code of a container that is not to be started again. */
async function outcome(ctx: CliContext, name: string, o: RunFlags): Promise<number> {
  if ((o.restart ?? 'Always') === 'Always' || o.leaveStdinOpen) return 0;
  const pod = await untilPod(ctx, name, isFinished);
  if (pod.status?.phase === 'Succeeded') return 0;
  const state = containerStatus(pod as Pod, name)?.state?.terminated;
  ctx.err(`pod ${ctx.namespace}/${name} terminated (${state?.reason ?? 'Error'})\n`);
  return state?.exitCode ?? 1;
}
