import type { KubeObject } from '#api/meta/objectmeta.ts';
import { pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { describerOf } from '../describe/describers.ts';
import { eventsAbout, eventTable } from '../describe/events.ts';
import { DescriptionWriter } from '../describe/writer.ts';
import { CliError } from '../errors.ts';
import { pages } from '../get/pages.ts';
import { hasSources, type Sources } from '../manifests.ts';
import { type Chosen, chosenObjects } from '../targets.ts';

export interface DescribeOptions extends Sources {
  readonly selector?: string;
  readonly allNamespaces?: boolean;
  readonly showEvents?: boolean;
  readonly chunkSize?: string;
}

/** Names may be given by their beginning, as kubectl allows. */
async function byPrefix(ctx: CliContext, c: Chosen): Promise<KubeObject[]> {
  const { items } = await ctx.rest.json<{ items: KubeObject[] }>({ path: pathOf(c.resource, c.namespace) });
  return items.filter((o) => o.metadata?.name?.startsWith(c.name ?? ''));
}

async function objects(ctx: CliContext, c: Chosen, o: DescribeOptions): Promise<KubeObject[]> {
  const path = pathOf(c.resource, c.namespace, c.name);
  const typed = (x: KubeObject): KubeObject => ({ ...x, kind: c.resource.kind });
  if (!c.name) {
    type List = { items: KubeObject[]; metadata?: { continue?: string } };
    const found = await pages<List>(ctx, { path, query: { labelSelector: o.selector } }, o.chunkSize ?? '500');
    return found.flatMap((l) => l.items.map(typed));
  }
  try {
    return [await ctx.rest.json<KubeObject>({ path })];
  } catch (e) {
    if ((e as { reason?: string }).reason !== 'NotFound') throw e;
    const near = await byPrefix(ctx, c);
    if (near.length === 0) throw e;
    return near.map(typed);
  }
}

/** `cox describe`: objects in words, and what happened to them. */
export async function describe(ctx: CliContext, args: readonly string[], o: DescribeOptions): Promise<void> {
  let count = 0;
  for (const c of await chosenObjects(ctx, args, o)) {
    for (const object of await objects(ctx, c, o)) {
      if (count++ > 0) ctx.out('\n\n');
      const w = new DescriptionWriter();
      const describer = describerOf(object);
      await describer.describe(w, object, ctx);
      if (describer.events && o.showEvents !== false) eventTable(w, await eventsAbout(ctx, object), Date.now());
      ctx.out(w.toString());
    }
  }
  if (count > 0) return;
  if (args.length === 0 && !hasSources(o)) throw new CliError('say what to describe');
  ctx.err(o.allNamespaces ? 'No resources found\n' : `No resources found in ${ctx.namespace} namespace.\n`);
}
