import { pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { defaultContainer, podsOf } from './pods-of.ts';

export interface LogFlags {
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly container?: string;
  readonly allContainers?: boolean;
  readonly since?: string;
  readonly sinceTime?: string;
  readonly tail?: string;
  readonly timestamps?: boolean;
  readonly prefix?: boolean;
  readonly limitBytes?: string;
  readonly selector?: string;
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** "90s", "1h30m" → seconds. @throws CliError */
export function parseSeconds(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)];
  if (parts.length === 0 || parts.map((p) => p[0]).join('') !== text)
    throw new CliError(`"${text}" is not a duration such as 5s, 2m or 3h`);
  return Math.ceil(parts.reduce((n, p) => n + Number(p[1]) * (UNITS[p[2] ?? ''] ?? 0), 0));
}

function queryOf(o: LogFlags, container: string | undefined) {
  return {
    container,
    follow: o.follow === true,
    previous: o.previous === true,
    timestamps: o.timestamps === true,
    sinceSeconds: o.since ? parseSeconds(o.since) : undefined,
    sinceTime: o.sinceTime,
    tailLines:
      o.tail !== undefined && Number(o.tail) >= 0 ? o.tail : o.selector && o.tail === undefined ? 10 : undefined,
    limitBytes: o.limitBytes,
  };
}

interface Source {
  readonly pod: string;
  readonly container: string | undefined;
}

async function stream(ctx: CliContext, source: Source, o: LogFlags): Promise<void> {
  const pods = await (await ctx.discovery()).find('pods');
  const body = await ctx.rest.open({
    path: pathOf(pods, ctx.namespace, source.pod, 'log'),
    query: queryOf(o, source.container),
    accept: '*/*',
    signal: ctx.signal,
  });
  const decoder = new TextDecoder();
  if (!o.prefix) {
    for await (const chunk of body) ctx.out(decoder.decode(chunk as Buffer, { stream: true }));
    return;
  }
  const prefix = `[pod/${source.pod}/${source.container ?? ''}] `;
  let pending = '';
  for await (const chunk of body) {
    const lines = (pending + decoder.decode(chunk as Buffer, { stream: true })).split('\n');
    pending = lines.pop() ?? '';
    for (const l of lines) ctx.out(`${prefix}${l}\n`);
  }
  if (pending) ctx.out(`${prefix}${pending}\n`);
}

/** `cox logs POD`, `cox logs deploy/X`, `cox logs -l app=x` */
export async function logs(ctx: CliContext, args: readonly string[], o: LogFlags): Promise<void> {
  const pods = await podsOf(ctx, args, o.selector);
  const sources: Source[] = pods.flatMap((pod) => {
    const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map((c) => c.name);
    const name = pod.metadata?.name ?? '';
    if (o.allContainers) return containers.map((container) => ({ pod: name, container }));
    return [{ pod: name, container: o.container ?? args[1] ?? defaultContainer(pod, ctx.err) }];
  });
  if (sources.length === 0) throw new CliError('no pods match');
  if (o.follow) await Promise.all(sources.map((s) => stream(ctx, s, o)));
  else for (const s of sources) await stream(ctx, s, o);
}
