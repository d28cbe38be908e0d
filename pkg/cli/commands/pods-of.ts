import type { Pod } from '#api/kinds/index.ts';
import { formatLabelSelector } from '#api/meta/labels.ts';
import { systemClock } from '#async/clock.ts';
import { pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { parseTargets } from '../targets.ts';

interface Workload {
  spec?: { selector?: { matchLabels?: Record<string, string> } & Record<string, unknown> };
}

async function podsMatching(ctx: CliContext, labelSelector: string): Promise<Pod[]> {
  const pods = await (await ctx.discovery()).find('pods');
  const list = await ctx.rest.json<{ items: Pod[] }>({ path: pathOf(pods, ctx.namespace), query: { labelSelector } });
  return list.items;
}

/** Which pods of a workload, and how long its first is waited for, seconds. */
export interface PodChoice {
  readonly all?: boolean;
  readonly seconds?: number;
  /** Told which pod was taken of several. */
  readonly tell?: (text: string) => void;
}

/** Between two looks whether a workload has a pod, milliseconds. */
const LOOK_MS = 500;

/** The pods an argument means: a pod by name, one pod of a workload (`deploy/x`), or all that match a selector. */
export async function podsOf(
  ctx: CliContext,
  args: readonly string[],
  selector: string | undefined,
  choice: PodChoice = {},
): Promise<Pod[]> {
  if (selector) return podsMatching(ctx, selector);
  const [first] = args;
  if (!first) throw new CliError('say which pod');
  const discovery = await ctx.discovery();
  const [target] = await parseTargets([first.includes('/') ? first : `pods/${first}`], discovery);
  if (!target?.name) throw new CliError('say which pod');
  const object = await ctx.rest.json<Pod & Workload>({ path: pathOf(target.resource, ctx.namespace, target.name) });
  if (target.resource.plural === 'pods') return [object as Pod];
  const wanted = (object as Workload).spec?.selector;
  if (!wanted) throw new CliError(`${target.resource.singular}/${target.name} has no pods to choose from`);
  const text =
    target.resource.plural === 'services'
      ? Object.entries(wanted)
          .map(([k, v]) => `${k}=${v}`)
          .join(',')
      : formatLabelSelector(wanted as never);
  const end = systemClock.now() + (choice.seconds ?? 0) * 1000;
  let pods = await podsMatching(ctx, text);
  while (pods.length === 0 && systemClock.now() < end) {
    await systemClock.sleep(LOOK_MS, ctx.signal);
    pods = await podsMatching(ctx, text);
  }
  if (choice.all && pods.length > 0) return pods;
  const running = pods.find((p) => p.status?.phase === 'Running' && !p.metadata?.deletionTimestamp) ?? pods[0];
  if (!running) throw new CliError(`${target.resource.singular}/${target.name} has no pods`);
  if (pods.length > 1) choice.tell?.(`Found ${pods.length} pods, using pod/${running.metadata?.name}\n`);
  return [running];
}

const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

/** The container a command means that names none; of several, `tell` says which was taken. */
export function defaultContainer(pod: Pod | undefined, tell: (text: string) => void): string | undefined {
  const containers = pod?.spec?.containers ?? [];
  const annotated = pod?.metadata?.annotations?.[DEFAULT_CONTAINER];
  if (annotated && containers.some((c) => c.name === annotated)) return annotated;
  const [first] = containers;
  const all = [...containers, ...(pod?.spec?.ephemeralContainers ?? []), ...(pod?.spec?.initContainers ?? [])];
  if (all.length > 1) {
    const names = [
      ...containers.map((c) => c.name),
      ...(pod?.spec?.ephemeralContainers ?? []).map((c) => `${c.name} (ephem)`),
      ...(pod?.spec?.initContainers ?? []).map((c) => `${c.name} (init)`),
    ];
    tell(`Defaulted container "${first?.name}" out of: ${names.join(', ')}\n`);
  }
  return first?.name;
}
