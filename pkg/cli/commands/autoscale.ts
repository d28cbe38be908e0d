import { isNotFound } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { apiVersionOf, pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { eachFound, type Found } from '../targets.ts';
import { type CreateFlags, createAs } from './create.ts';

export interface AutoscaleFlags extends CreateFlags {
  readonly name?: string;
  readonly min?: string;
  readonly max?: string;
  readonly cpuPercent?: string;
}

/** @throws CliError for an object that cannot be scaled */
async function checkScalable(ctx: CliContext, { resource, object }: Found): Promise<void> {
  try {
    await ctx.rest.json({ path: pathOf(resource, object.metadata?.namespace, object.metadata?.name, 'scale') });
  } catch (e) {
    if (!isNotFound(e)) throw e;
    const type = `${apiVersionOf(resource).includes('/') ? '' : '/'}${apiVersionOf(resource)}, Resource=${resource.plural}`;
    throw new CliError(
      `cannot autoscale a ${resource.kind}: could not find scale subresource for ${type} in discovery information`,
    );
  }
}

/** `cox autoscale TYPE NAME --max=5`: a HorizontalPodAutoscaler for a workload. @returns the exit code */
export async function autoscale(ctx: CliContext, args: readonly string[], o: AutoscaleFlags): Promise<number> {
  if (o.max === undefined) throw new CliError('required flag(s) "max" not set');
  const [min, max, cpu] = [Number(o.min ?? -1), Number(o.max), Number(o.cpuPercent ?? -1)];
  if (!(max >= 1)) throw new CliError(`--max=MAXPODS is required and must be at least 1, max: ${o.max}`);
  if (max < min) throw new CliError(`--max=MAXPODS must be larger or equal to --min=MINPODS, max: ${max}, min: ${min}`);
  const scalers = await (await ctx.discovery()).ofObject({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
  });
  return eachFound(ctx, args, { ...o, left: 'not autoscaled' }, async (found) => {
    await checkScalable(ctx, found);
    const target = found.object.metadata?.name ?? '';
    const metric = { name: 'cpu', target: { type: 'Utilization', averageUtilization: cpu } };
    const scaler = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: o.name || target },
      spec: {
        ...(min >= 1 ? { minReplicas: min } : {}),
        maxReplicas: max,
        ...(cpu >= 0 ? { metrics: [{ type: 'Resource', resource: metric }] } : {}),
        scaleTargetRef: { apiVersion: apiVersionOf(found.resource), kind: found.resource.kind, name: target },
      },
    } as KubeObject;
    await createAs(ctx, scalers, scaler, {
      done: o.dryRun === 'client' ? 'created' : 'autoscaled',
      manager: 'kubectl-autoscale',
      ...o,
    });
  });
}
