import type { Pod, ReplicaSet } from '#api/kinds/index.ts';
import { formatLabelSelector } from '#api/meta/labels.ts';
import { systemClock } from '#async/clock.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { typedNext } from '../why/answer.ts';
import { lastingTrouble } from '../why/pod.ts';
import { REVISION, type Workload } from './workload.ts';

/** Between looks at the pods of a roll-out. */
const LOOK_MS = 1_000;
/** Restarts after which a container that ends is taken for one that always will. */
const CRASHES = 2;

/** The pods of the state that is being rolled out, not of the one before. */
async function newPods(ctx: CliContext, w: Workload): Promise<Pod[]> {
  const namespace = w.metadata?.namespace ?? '';
  const query = { labelSelector: formatLabelSelector(w.spec?.selector ?? {}) };
  const { items } = await ctx.rest.json<{ items: Pod[] }>({ path: `/api/v1/namespaces/${namespace}/pods`, query });
  const pods = items.filter((p) => !p.metadata?.deletionTimestamp);
  if (w.kind !== 'Deployment') return pods;
  const path = `/apis/apps/v1/namespaces/${namespace}/replicasets`;
  const sets = await ctx.rest.json<{ items: ReplicaSet[] }>({ path, query });
  const current = sets.items.find((s) => s.metadata?.annotations?.[REVISION] === w.metadata?.annotations?.[REVISION]);
  return pods.filter((p) => p.metadata?.ownerReferences?.some((r) => r.uid === current?.metadata?.uid));
}

/** Looks in a row that find pods refused: what others hold of a quota may become free a moment later. */
const REFUSALS = 3;

/** Why the API server accepts no pods of a workload ("Deployments › Failed Deployment"). */
function refusalOf(w: Workload): string | undefined {
  const { conditions } =
    (w as { status?: { conditions?: { type: string; status: string; message?: string }[] } }).status ?? {};
  const found = conditions?.find((c) => c.type === 'ReplicaFailure' && c.status === 'True');
  return found && (found.message ?? 'no reason is given');
}

const hopeless = (p: Pod): boolean =>
  [...(p.status?.initContainerStatuses ?? []), ...(p.status?.containerStatuses ?? [])].some((s) => {
    const reason = s.state?.waiting?.reason ?? '';
    // What is missing may be made a moment later; a pull and a start are tried again, so one failure says little.
    if (reason === 'CrashLoopBackOff') return (s.restartCount ?? 0) >= CRASHES;
    return ['ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName'].includes(reason);
  });

/**
 * Watches over the pods of a roll-out, and ends with the reason when one of them will not run.
 * @throws CliError with the reason and the next command. Settles without one when the signal aborts.
 */
export async function failOnTrouble(
  ctx: CliContext,
  read: () => Promise<Workload>,
  signal: AbortSignal,
): Promise<void> {
  let refusals = 0;
  while (!signal.aborted) {
    const w = await read();
    const refused = refusalOf(w);
    refusals = refused ? refusals + 1 : 0;
    if (refused && refusals >= REFUSALS)
      throw new CliError(
        `the roll-out fails: pods are refused: ${refused}\nNext: ${typedNext(`cox why ${w.kind?.toLowerCase()}/${w.metadata?.name}`, ctx)}`,
      );
    const pods =
      (w.metadata?.generation ?? 0) >
      ((w as { status?: { observedGeneration?: number } }).status?.observedGeneration ?? 0)
        ? []
        : await newPods(ctx, w);
    const bad = pods.find(hopeless);
    const answer = bad && lastingTrouble(bad);
    if (answer) {
      const [evidence = ''] = answer.evidence;
      throw new CliError(
        `the roll-out fails: pod ${bad.metadata?.name}: ${answer.because}\n  ${evidence}\nNext: ${typedNext(answer.next, ctx)}`,
      );
    }
    await systemClock.sleep(LOOK_MS, signal).catch(() => undefined);
  }
}
