import type { KubeObject } from '#api/meta/objectmeta.ts';
import { apiVersionOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { printColumns } from '../output/custom-columns.ts';
import { listOf, printObject } from '../output/print.ts';
import { sortedBy } from '../output/sort.ts';
import type { Chosen } from '../targets.ts';
import { each, type GetOptions, qualifiedSingular, requestOf } from './options.ts';
import { pages } from './pages.ts';

type Answer = KubeObject & { items?: KubeObject[]; metadata?: { continue?: string } };

async function objectsOf(ctx: CliContext, c: Chosen, o: GetOptions): Promise<KubeObject[]> {
  const found = await pages<Answer>(ctx, requestOf(c, o), c.name ? undefined : (o.chunkSize ?? '500'));
  if (c.name) return found;
  const type = { kind: c.resource.kind, apiVersion: apiVersionOf(c.resource) };
  return found.flatMap((l) => (l.items ?? []).map((i) => ({ ...i, ...type })));
}

/** A Secret with its data as text; what is no text stays base64 under `data`. Other objects as they are. */
export function decoded(o: KubeObject & { data?: Record<string, string> }): KubeObject {
  if (o.kind !== 'Secret' || !o.data) return o;
  const text = new TextDecoder('utf-8', { fatal: true });
  const data: Record<string, string> = {};
  const stringData: Record<string, string> = {};
  for (const [key, value] of Object.entries(o.data)) {
    try {
      stringData[key] = text.decode(Buffer.from(value, 'base64'));
    } catch {
      data[key] = value;
    }
  }
  const { data: _encoded, ...rest } = o;
  return { ...rest, ...(Object.keys(data).length > 0 ? { data } : {}), stringData } as KubeObject;
}

interface Found {
  readonly of: Chosen;
  readonly object: KubeObject;
}

/** Prints objects in the format asked for; several as a List. @returns whether everything asked for was there */
export async function printObjects(ctx: CliContext, chosen: readonly Chosen[], o: GetOptions): Promise<boolean> {
  const decode = o.output === 'decoded';
  const format = decode ? 'yaml' : (o.output ?? '');
  const { found, failed, tell } = await each(ctx, o, chosen, (c) => objectsOf(ctx, c, o));
  const every = found.flatMap(({ of, value }) =>
    value.map((object): Found => ({ of, object: decode ? decoded(object) : object })),
  );
  const all = o.sortBy ? sortedBy(every, o.sortBy, (f) => f.object) : every;
  if (format === 'name') {
    for (const f of all) ctx.out(`${qualifiedSingular(f.of.resource)}/${f.object.metadata?.name ?? ''}\n`);
  } else if (/^custom-columns(-file)?=/.test(format)) {
    ctx.out(
      printColumns(
        format,
        all.map((f) => f.object),
        o.headers !== false,
      ),
    );
  } else {
    const single = chosen.length === 1 && chosen[0]?.name !== undefined;
    const [first] = all;
    if (!single || first)
      ctx.out(
        printObject(
          single && first ? first.object : listOf(all.map((a) => a.object)),
          { ...o, output: format },
          () => '',
        ),
      );
  }
  tell();
  return !failed;
}
