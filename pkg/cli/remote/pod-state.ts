import { isFinal } from '#api/kinds/core/pod/phase.ts';
import type { Pod } from '#api/kinds/index.ts';
import { lookAt, watchToItsEnd } from '../api/watch-lines.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { Interrupted } from '../interrupted.ts';

const podPath = (namespace: string, name?: string): string =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods${name ? `/${encodeURIComponent(name)}` : ''}`;

/**
 * Waits until a pod is as wanted. @param ms limit; absent: as long as it takes.
 * @throws CliError when the time is over or the pod is deleted
 */
export async function untilPod(ctx: CliContext, name: string, wanted: (p: Pod) => boolean, ms?: number): Promise<Pod> {
  const limit = ms === undefined ? undefined : AbortSignal.timeout(ms);
  const signal = limit ? AbortSignal.any([ctx.signal, limit]) : ctx.signal;
  for (;;) {
    const { object, query } = await lookAt<Pod>(ctx.rest, podPath(ctx.namespace), name);
    // The server's own words for one that is not there.
    const now = object ?? (await ctx.rest.json<Pod>({ path: podPath(ctx.namespace, name) }));
    if (wanted(now)) return now;
    for await (const e of watchToItsEnd(ctx.rest, { path: podPath(ctx.namespace), query, signal })) {
      if (e.type === 'DELETED') throw new CliError(`pod ${ctx.namespace}/${name} was deleted`);
      if (wanted(e.object as Pod)) return e.object as Pod;
    }
    if (ctx.signal.aborted) throw new Interrupted();
    if (signal.aborted) throw new CliError('timed out waiting for the condition');
  }
}

export const isFinished = (p: Pod): boolean => isFinal(p.status?.phase);

/** The status of a container of any sort. */
export const containerStatus = (p: Pod, container: string | undefined) =>
  [
    ...(p.status?.containerStatuses ?? []),
    ...(p.status?.ephemeralContainerStatuses ?? []),
    ...(p.status?.initContainerStatuses ?? []),
  ].find((s) => s.name === container);

/** The container runs, or has run. */
export const hasStarted =
  (container: string | undefined) =>
  (p: Pod): boolean => {
    const state = containerStatus(p, container)?.state;
    return isFinished(p) || state?.running !== undefined || state?.terminated !== undefined;
  };

/** The container has ended. */
export const hasEnded =
  (container: string | undefined) =>
  (p: Pod): boolean =>
    isFinished(p) || containerStatus(p, container)?.state?.terminated !== undefined;
