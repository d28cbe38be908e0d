import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { prefixOf, type Source, streamLogs } from '../logs/stream.ts';
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
  readonly maxLogRequests?: string;
  readonly allPods?: boolean;
  readonly ignoreErrors?: boolean;
  readonly insecureSkipTlsVerifyBackend?: boolean;
  readonly podRunningTimeout?: string;
}

const UNITS: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/** "90s", "1h30m", "0", "-1s" → seconds. @throws CliError */
export function parseSeconds(text: string): number {
  if (text === '0') return 0;
  if (text.startsWith('-')) return -parseSeconds(text.slice(1));
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)];
  if (parts.length === 0 || parts.map((p) => p[0]).join('') !== text)
    throw new CliError(`"${text}" is not a duration such as 5s, 2m or 3h`);
  return Math.ceil(parts.reduce((n, p) => n + Number(p[1]) * (UNITS[p[2] ?? ''] ?? 0), 0));
}

/** What is asked of the server. */
export function logQuery(o: LogFlags, container: string | undefined) {
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
    insecureSkipTLSVerifyBackend: o.insecureSkipTlsVerifyBackend,
  };
}

const isNumber = (text: string | undefined): boolean => text === undefined || /^-?\d+$/.test(text);

/** @throws CliError in kubectl's words */
function check(args: readonly string[], o: LogFlags): void {
  if ((args.length === 0 && !o.selector) || args.length > 2)
    throw new CliError(
      "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command",
    );
  if (args.length > 0 && o.selector) throw new CliError('only a selector (-l) or a POD name is allowed');
  if (args.length > 1 && o.container) throw new CliError('only one of -c or an inline [CONTAINER] arg is allowed');
  if (o.allContainers && (o.container || args.length > 1))
    throw new CliError(`--all-containers=true should not be specified with container name ${o.container ?? args[1]}`);
  for (const [flag, value] of [
    ['--tail', o.tail],
    ['--limit-bytes', o.limitBytes],
    ['--max-log-requests', o.maxLogRequests],
  ] as const) {
    if (!isNumber(value)) throw new CliError(`invalid argument "${value}" for "${flag}" flag: it is no number`);
  }
  if (Number(o.tail ?? 0) < -1) throw new CliError('--tail must be greater than or equal to -1');
  if (Number(o.limitBytes ?? 1) < 1) throw new CliError('--limit-bytes must be greater than 0');
  if (o.since && o.sinceTime) throw new CliError('at most one of `sinceTime` or `sinceSeconds` may be specified');
  if (o.since) parseSeconds(o.since);
}

/** `cox logs POD`, `cox logs deploy/X`, `cox logs -l app=x` */
export async function logs(ctx: CliContext, args: readonly string[], o: LogFlags): Promise<void> {
  check(args, o);
  if (o.follow && o.selector) {
    const { followLogs } = await import('../logs/follow.ts');
    return followLogs(ctx, o.selector, o, process.stdout.isTTY === true);
  }
  const pods = await podsOf(ctx, args, o.selector, {
    all: o.allPods === true,
    seconds: parseSeconds(o.podRunningTimeout ?? '20s'),
    tell: ctx.err,
  });
  const sources: Source[] = pods.flatMap((pod) => {
    const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map((c) => c.name);
    const name = pod.metadata?.name ?? '';
    if (o.allContainers) return containers.map((container) => ({ pod: name, container }));
    return [{ pod: name, container: o.container ?? args[1] ?? defaultContainer(pod, ctx.err) }];
  });
  if (sources.length === 0) ctx.err(`No resources found in ${ctx.namespace} namespace.\n`);
  const prefixed = o.prefix || o.allPods;
  const show = (s: Source): Promise<void> =>
    streamLogs(ctx, s, o, prefixed ? prefixOf(s) : undefined).catch((e: unknown) => {
      if (!o.ignoreErrors) throw e;
      ctx.out(`error: ${(e as Error).message}\n`);
    });
  if (o.follow) await Promise.all(sources.map(show));
  else for (const s of sources) await show(s);
}
