import { createOne } from '../commands/create.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import type { Generator, GeneratorFlags } from './generator.ts';

/** `cox create KIND NAME …`: makes the object and stores it, or only prints it on --dry-run=client. */
export async function createGenerated(
  ctx: CliContext,
  generator: Generator,
  line: { readonly args: readonly string[]; readonly flags: GeneratorFlags; readonly command: readonly string[] },
): Promise<void> {
  const [name, extra] = line.args;
  if (!name || extra !== undefined) throw new CliError(`exactly one NAME is required, got ${line.args.length}`);
  const object = await generator.make({ ...line, name, ctx });
  await createOne(ctx, await (await ctx.discovery()).ofObject(object), object, line.flags);
}
