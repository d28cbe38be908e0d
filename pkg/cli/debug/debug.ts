import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Pod } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { ORDER } from '#api/patch/strategy.ts';
import { pathOf } from '../api/discovery.ts';
import { attachTo } from '../commands/attach.ts';
import { defaultContainer } from '../commands/pods-of.ts';
import type { CliContext } from '../context.ts';
import { documentsIn } from '../documents.ts';
import { CliError } from '../errors.ts';
import { hasSources, type Sources } from '../manifests.ts';
import { chosenObjects } from '../targets.ts';
import { copyOf, customised, type DebugFlags, debugContainer, nodePod } from './pods.ts';
import { profileOf } from './profiles.ts';

/** Letters and digits that spell no words, as in generated names. */
const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const randomEnd = (): string => Array.from({ length: 5 }, () => LETTERS[randomInt(LETTERS.length)]).join('');

/** What one debugging session is about. */
interface Work {
  readonly ctx: CliContext;
  readonly o: DebugFlags;
  readonly command: readonly string[];
  readonly custom?: Record<string, unknown>;
}

function check(o: DebugFlags, command: readonly string[]): void {
  if (o.tty && !o.stdin) throw new CliError('-i/--stdin is required for containers with -t/--tty=true');
  if (o.copyTo) {
    if (o.target) throw new CliError('--target is incompatible with --copy-to. Use --share-processes instead.');
    if (!o.image && !o.setImage && command.length === 0)
      throw new CliError('you must specify --image, --set-image or command arguments');
    if (command.length > 0 && !o.container && !o.image)
      throw new CliError('you must specify an existing container or a new image when specifying args.');
    return;
  }
  if (o.setImage) throw new CliError('--set-image may only be used with --copy-to.');
  if (o.replace) throw new CliError('--replace may only be used with --copy-to.');
  if (o.sameNode) throw new CliError('--same-node may only be used with --copy-to.');
  if (!o.image) throw new CliError('you must specify --image when not using --copy-to.');
}

/** The container's name, told when it was not given. */
function containerName({ ctx, o }: Work): string {
  if (o.container) return o.container;
  const name = `debugger-${randomEnd()}`;
  if (!o.quiet) ctx.out(`Defaulting debug container name to ${name}.\n`);
  return name;
}

/** Adds an ephemeral container to a pod ("Ephemeral Containers"). */
async function addEphemeral(work: Work, pod: Pod): Promise<string> {
  const { ctx, o, command } = work;
  const name = containerName(work);
  const plain = debugContainer(name, command, o, profileOf(o.profile ?? 'legacy', false));
  const container = { ...customised(plain, work.custom), ...(o.target ? { targetContainerName: o.target } : {}) };
  if (o.target && !o.quiet)
    ctx.out(
      `Targeting container "${o.target}". If you don't see processes from this container it may be because the container runtime doesn't support this feature.\n`,
    );
  const pods = await (await ctx.discovery()).find('pods');
  // It comes after those that are there.
  const names = [...(pod.spec?.ephemeralContainers ?? []).map((c) => c.name), name];
  const order = { [`${ORDER}ephemeralContainers`]: names.map((n) => ({ name: n })) };
  await ctx.rest.json({
    method: 'PATCH',
    path: pathOf(pods, pod.metadata?.namespace, pod.metadata?.name, 'ephemeralcontainers'),
    contentType: 'application/strategic-merge-patch+json',
    body: { spec: { ...order, ephemeralContainers: [container] } },
  });
  return name;
}

async function create(ctx: CliContext, body: unknown): Promise<string> {
  const pods = await (await ctx.discovery()).find('pods');
  const made = await ctx.rest.json<KubeObject>({ method: 'POST', path: pathOf(pods, ctx.namespace), body });
  return made.metadata?.name ?? '';
}

async function copyPod(work: Work, pod: Pod): Promise<{ pod: string; container: string }> {
  const { ctx, o, command, custom } = work;
  const fresh = o.image !== undefined || o.container !== undefined;
  const name = fresh ? containerName(work) : (defaultContainer(pod, () => {}) ?? '');
  const profile = profileOf(o.profile ?? 'legacy', false);
  const how = { name, command, profile: fresh ? profile : { ...profile, security: {} }, ...(custom ? { custom } : {}) };
  // Where only images are changed, all else stays as it is.
  const all = { keepLabels: true, keepAnnotations: true, keepLiveness: true, keepReadiness: true, keepStartup: true };
  const { copy, container } = fresh
    ? copyOf(pod, how, o)
    : copyOf(pod, { ...how, name: '' }, { ...o, ...all, shareProcesses: o.shareProcesses ?? false });
  if (o.replace) {
    const pods = await (await ctx.discovery()).find('pods');
    await ctx.rest.json({ method: 'DELETE', path: pathOf(pods, ctx.namespace, pod.metadata?.name) });
  }
  return { pod: await create(ctx, copy), container };
}

async function podOnNode(work: Work, node: string): Promise<{ pod: string; container: string }> {
  const { ctx, o, command, custom } = work;
  const name = o.container ?? 'debugger';
  const profile = profileOf(o.profile ?? 'legacy', true);
  const container = customised(debugContainer(name, command, o, profile), custom);
  const pod = nodePod(node, container, profile, randomEnd());
  const { name: podName } = pod.metadata as { name: string };
  if (!o.quiet) ctx.out(`Creating debugging pod ${podName} with container ${name} on node ${node}.\n`);
  return { pod: await create(ctx, pod), container: name };
}

async function debugOne(work: Work, plural: string, object: KubeObject): Promise<void> {
  const { ctx, o } = work;
  const name = object.metadata?.name ?? '';
  let made: { pod: string; container: string };
  if (plural === 'nodes') {
    if (o.target || o.copyTo) throw new CliError('--target and --copy-to are for pods, not for nodes');
    made = await podOnNode(work, name);
  } else if (plural !== 'pods') throw new CliError(`"${plural}" not supported by debug: it takes pods and nodes`);
  else if (o.copyTo) made = await copyPod(work, object as Pod);
  else made = { pod: name, container: await addEphemeral(work, object as Pod) };
  if (o.attach || o.stdin) await attachTo(ctx, made.pod, made.container, o);
}

/** `cox debug`: a container beside those of a pod, a copy of a pod, or a pod on a node, to look around in. */
export async function debug(
  ctx: CliContext,
  args: readonly string[],
  line: { readonly command: readonly string[]; readonly flags: DebugFlags & Sources },
): Promise<void> {
  const { flags: o, command } = line;
  if (args.length === 0 && !hasSources(o)) throw new CliError('NAME is required for debug: a pod, or node/NAME');
  check(o, command);
  if (o.profile === undefined)
    ctx.err(
      '--profile=legacy is deprecated and will be removed in the future. It is recommended to explicitly specify a profile, for example "--profile=general".\n',
    );
  const custom = o.custom
    ? (documentsIn(readFileSync(o.custom, 'utf8'), o.custom)[0] as Record<string, unknown>)
    : undefined;
  const named = args.map((a) => (a.includes('/') ? a : `pods/${a}`));
  for (const c of await chosenObjects(ctx, named, o)) {
    const object = await ctx.rest.json<KubeObject>({ path: pathOf(c.resource, c.namespace, c.name) });
    await debugOne({ ctx, o, command, ...(custom ? { custom } : {}) }, c.resource.plural, object);
  }
}
