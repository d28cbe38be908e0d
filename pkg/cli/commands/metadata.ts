import type { KubeObject } from '#api/meta/objectmeta.ts';
import { pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { printObject, withoutManagedFields } from '../output/print.ts';
import { type Chosen, chosenObjects } from '../targets.ts';
import { label, type WriteFlags, writeQuery } from './write.ts';

export interface MetadataFlags extends WriteFlags {
  readonly overwrite?: boolean;
  readonly all?: boolean;
  readonly list?: boolean;
  readonly selector?: string;
  readonly allNamespaces?: boolean;
  readonly resourceVersion?: string;
}

/** `key=value` sets, `key-` removes; what is neither names objects. */
function changes(args: readonly string[]): { what: string[]; set: Map<string, string | null> } {
  const what: string[] = [];
  const set = new Map<string, string | null>();
  for (const arg of args) {
    const pair = /^([^=]+)=(.*)$/s.exec(arg);
    if (pair) set.set(pair[1] ?? '', pair[2] ?? '');
    else if (arg.endsWith('-') && what.length > 0) set.set(arg.slice(0, -1), null);
    else what.push(arg);
  }
  return { what, set };
}

async function objects(ctx: CliContext, c: Chosen, o: MetadataFlags): Promise<KubeObject[]> {
  if (c.name) return [await ctx.rest.json<KubeObject>({ path: pathOf(c.resource, c.namespace, c.name) })];
  if (!o.all && !o.selector) throw new CliError('name the objects, or give -l or --all');
  const query = { labelSelector: o.selector };
  return (await ctx.rest.json<{ items: KubeObject[] }>({ path: pathOf(c.resource, c.namespace), query })).items;
}

const FIELD = { label: 'labels', annotate: 'annotations' } as const;

/** @throws CliError for a value that would be overwritten unasked */
function check(
  kind: 'label' | 'annotate',
  present: Readonly<Record<string, string>>,
  set: ReadonlyMap<string, string | null>,
  o: MetadataFlags,
): void {
  if (o.overwrite) return;
  for (const [k, v] of set) {
    const now = present[k];
    if (v !== null && now !== undefined && now !== v) {
      const known = `'${k}' already has a value (${now})`;
      throw new CliError(
        kind === 'label'
          ? `${known}, and --overwrite is false`
          : `--overwrite is false but found the following declared annotation(s): ${known}`,
      );
    }
  }
}

function outcome(
  kind: 'label' | 'annotate',
  present: Readonly<Record<string, string>>,
  set: ReadonlyMap<string, string | null>,
): string {
  if (kind === 'annotate') return 'annotated';
  const changed = [...set].some(([k, v]) => (v === null ? k in present : present[k] !== v));
  if (!changed) return 'not labeled';
  return [...set.values()].every((v) => v === null) ? 'unlabeled' : 'labeled';
}

/** `cox label` and `cox annotate`. */
export async function setMetadata(
  ctx: CliContext,
  kind: 'label' | 'annotate',
  args: readonly string[],
  o: MetadataFlags,
): Promise<void> {
  const { what, set } = changes(args);
  if (set.size === 0 && !o.list)
    throw new CliError(`at least one ${kind === 'label' ? 'label' : 'annotation'} update is required`);
  for (const c of await chosenObjects(ctx, what, o)) {
    for (const object of await objects(ctx, c, o)) {
      const present = object.metadata?.[FIELD[kind]] ?? {};
      const name = object.metadata?.name ?? '';
      if (o.list) {
        for (const [k, v] of Object.entries(present).sort()) ctx.out(`${k}=${v}\n`);
        continue;
      }
      check(kind, present, set, o);
      for (const [k, v] of set)
        if (v === null && !(k in present) && kind === 'label') ctx.out(`label "${k}" not found.\n`);
      const metadata = {
        [FIELD[kind]]: Object.fromEntries(set),
        ...(o.resourceVersion ? { resourceVersion: o.resourceVersion } : {}),
      };
      const answer = await ctx.rest.json<KubeObject>({
        method: 'PATCH',
        path: pathOf(c.resource, object.metadata?.namespace, name),
        contentType: 'application/merge-patch+json',
        query: { ...writeQuery(o, `kubectl-${kind}`), ...(o.dryRun === 'client' ? { dryRun: 'All' } : {}) },
        body: { metadata },
      });
      if (o.output)
        ctx.out(printObject(withoutManagedFields(answer), o.output, (x) => label(c.resource, x.metadata?.name ?? '')));
      else
        ctx.out(
          `${label(c.resource, name)} ${outcome(kind, present, set)}${o.dryRun === 'server' ? ' (server dry run)' : o.dryRun === 'client' ? ' (dry run)' : ''}\n`,
        );
    }
  }
}
