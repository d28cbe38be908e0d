import type { Container } from '#api/kinds/index.ts';
import { type ProbeResult, runProbe } from '../probes/run.ts';
import type { PodContext } from './pod-context.ts';

type Handler = NonNullable<NonNullable<Container['lifecycle']>['postStart']>;

/** Runs a lifecycle handler once, for at most `limitMs` ("Container Lifecycle Hooks"). Never throws. */
export async function runHook(
  pod: PodContext,
  target: { readonly container: Container; readonly id: string; readonly handler: Handler },
  limitMs: number,
): Promise<ProbeResult> {
  const { container, id, handler } = target;
  const { clock, runtime } = pod.deps;
  if (handler.sleep) {
    await clock.sleep(Math.min((handler.sleep.seconds ?? 0) * 1000, Math.max(0, limitMs)));
    return { ok: true, message: '' };
  }
  return runProbe(handler, container, { containerId: id, podIp: pod.podIp, timeoutMs: limitMs }, runtime);
}
