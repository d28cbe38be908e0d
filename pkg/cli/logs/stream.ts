import { pathOf } from '../api/discovery.ts';
import { type LogFlags, logQuery } from '../commands/logs.ts';
import type { CliContext } from '../context.ts';

/** A container's output. */
export interface Source {
  readonly pod: string;
  readonly container: string | undefined;
}

/** Prints what a container prints. @param before put before each line; absent: bytes pass as they are */
export async function streamLogs(ctx: CliContext, source: Source, o: LogFlags, before?: string): Promise<void> {
  const pods = await (await ctx.discovery()).find('pods');
  const body = await ctx.rest.open({
    path: pathOf(pods, ctx.namespace, source.pod, 'log'),
    query: logQuery(o, source.container),
    accept: '*/*',
    signal: ctx.signal,
  });
  const decoder = new TextDecoder();
  if (before === undefined) {
    for await (const chunk of body) ctx.out(decoder.decode(chunk as Buffer, { stream: true }));
    return;
  }
  let pending = '';
  for await (const chunk of body) {
    const lines = (pending + decoder.decode(chunk as Buffer, { stream: true })).split('\n');
    pending = lines.pop() ?? '';
    if (lines.length > 0) ctx.out(lines.map((l) => `${before}${l}\n`).join(''));
  }
  if (pending) ctx.out(`${before}${pending}\n`);
}

/** "[pod/web-0/app] " */
export const prefixOf = (s: Source): string => `[pod/${s.pod}/${s.container ?? ''}] `;
