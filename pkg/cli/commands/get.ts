import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { type GetOptions, isTable } from '../get/options.ts';
import { chosenObjects } from '../targets.ts';

/** `cox get`. @returns the exit code: 1 when something asked for could not be shown */
export async function get(ctx: CliContext, args: readonly string[], o: GetOptions): Promise<number> {
  if (o.raw) {
    const [path = '', query = ''] = o.raw.split('?');
    ctx.out(await ctx.rest.text({ path, query: Object.fromEntries(new URLSearchParams(query)) }));
    return 0;
  }
  if (args.length === 0 && !o.filename) {
    throw new CliError(
      'You must specify the type of resource to get, such as "cox get pods"; "cox api-resources" lists them',
    );
  }
  const chosen = await chosenObjects(ctx, args, o);
  if (o.watch || o.watchOnly) {
    const [only] = chosen;
    if (!only || chosen.length > 1) throw new CliError('you may only specify a single resource type');
    await (await import('../get/watch.ts')).watchObjects(ctx, only, o);
    return 0;
  }
  const shown = isTable(o.output)
    ? (await import('../get/tables.ts')).printTables(ctx, chosen, o)
    : (await import('../get/objects.ts')).printObjects(ctx, chosen, o);
  return (await shown) ? 0 : 1;
}
