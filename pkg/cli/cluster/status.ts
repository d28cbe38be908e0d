import type { Lease, Node, Pod } from '#api/kinds/index.ts';
import { isReady } from '#api/meta/readiness.ts';
import { systemClock } from '#async/clock.ts';
import type { CliContext } from '../context.ts';
import { formatColumns } from '../output/columns.ts';
import { isFinished } from '../remote/pod-state.ts';

/** One line of the report: what, whether it is well, and what is to be said. */
type Line = readonly [what: string, well: boolean, text: string];

async function server(ctx: CliContext): Promise<Line> {
  const { gitVersion } = await ctx.rest.json<{ gitVersion: string }>({ path: '/version' });
  try {
    await ctx.rest.text({ path: '/readyz', query: { verbose: true } });
    return ['API server', true, `${gitVersion} at ${ctx.config.server}`];
  } catch (e) {
    const failed = (e as Error).message.split('\n').filter((l) => l.startsWith('[-]'));
    return ['API server', false, failed.join(', ') || (e as Error).message];
  }
}

const KEEPERS = { 'kube-scheduler': 'scheduler', 'kube-controller-manager': 'controller manager' };

/** Who leads is who does the work: nobody does when the lease is not renewed. */
async function leaders(ctx: CliContext): Promise<Line[]> {
  const path = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';
  const { items } = await ctx.rest.json<{ items: Lease[] }>({ path });
  const now = systemClock.now();
  return Object.entries(KEEPERS).map(([lease, what]): Line => {
    const spec = items.find((l) => l.metadata?.name === lease)?.spec;
    const age = now - Date.parse(spec?.renewTime ?? '');
    const alive = age < (spec?.leaseDurationSeconds ?? 0) * 1000;
    if (alive) return [what, true, `led by ${spec?.holderIdentity}`];
    return [what, false, spec?.renewTime ? `not heard of since ${spec.renewTime}` : 'never heard of'];
  });
}

async function nodes(ctx: CliContext): Promise<Line> {
  const { items } = await ctx.rest.json<{ items: Node[] }>({ path: '/api/v1/nodes' });
  const away = items.filter((n) => !isReady(n)).map((n) => n.metadata?.name);
  const text = `${items.length - away.length} of ${items.length} ready${away.length > 0 ? `; not ${away.join(', ')}` : ''}`;
  return ['nodes', away.length === 0, text];
}

async function pods(ctx: CliContext): Promise<Line> {
  const { items } = await ctx.rest.json<{ items: Pod[] }>({ path: '/api/v1/pods' });
  const live = items.filter((p) => !isFinished(p));
  const running = live.filter((p) => p.status?.phase === 'Running');
  return ['pods', running.length === live.length, `${running.length} of ${live.length} running`];
}

/** `cox cluster status`: what the parts of the cluster are like. @returns 1 when one of them is not well */
export async function status(ctx: CliContext): Promise<number> {
  const lines = [await server(ctx), ...(await leaders(ctx)), await nodes(ctx), await pods(ctx)];
  ctx.out(formatColumns(lines.map(([what, well, text]) => [what, well ? 'ok' : 'NOT WELL', text])));
  return lines.every(([, well]) => well) ? 0 : 1;
}
