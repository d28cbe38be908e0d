import { type CliContext, type GlobalOptions, timeoutOf } from '../context.ts';
import { CliError } from '../errors.ts';
import { type GetOptions, isTable } from '../get/options.ts';
import { hasSources } from '../manifests.ts';
import { chosenObjects } from '../targets.ts';

/** `cox get`. @returns the exit code: 1 when something asked for could not be shown */
export async function get(ctx: CliContext, args: readonly string[], o: GetOptions & GlobalOptions): Promise<number> {
  if (o.raw) {
    await (await import('./raw.ts')).rawRequest(ctx, 'GET', o.raw, undefined);
    return 0;
  }
  if (args.length === 0 && !hasSources(o)) {
    throw new CliError(
      'You must specify the type of resource to get, such as "cox get pods"; "cox api-resources" lists them',
    );
  }
  if (o.outputWatchEvents && !o.watch && !o.watchOnly)
    throw new CliError('--output-watch-events option can only be used with --watch or --watch-only');
  const chosen = await chosenObjects(ctx, args, o);
  if (o.watch || o.watchOnly) {
    const inPlace = process.stdout.isTTY === true && isTable(o.output) && !o.watchOnly && !o.outputWatchEvents;
    const limitMs = o.requestTimeout ? timeoutOf(o.requestTimeout) : 0;
    const signal = limitMs > 0 ? AbortSignal.any([ctx.signal, AbortSignal.timeout(limitMs)]) : ctx.signal;
    if (inPlace) await (await import('../get/live.ts')).watchLive({ ...ctx, signal }, chosen, o);
    else await (await import('../get/watch.ts')).watchObjects({ ...ctx, signal }, chosen, o);
    return 0;
  }
  const shown = isTable(o.output)
    ? (await import('../get/tables.ts')).printTables(ctx, chosen, o)
    : (await import('../get/objects.ts')).printObjects(ctx, chosen, o);
  return (await shown) ? 0 : 1;
}
