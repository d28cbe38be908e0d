import type { KubeObject } from '#api/meta/objectmeta.ts';
import { mergePatch } from '#api/patch/merge-patch.ts';
import { pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { localObjects } from '../manifests.ts';
import { chosenObjects, objectsOf, refuseAllAndSelector } from '../targets.ts';
import { report, type WriteFlags, writeQuery } from './write.ts';

export interface MetadataFlags extends WriteFlags {
  readonly overwrite?: boolean;
  readonly all?: boolean;
  readonly list?: boolean;
  readonly selector?: string;
  readonly allNamespaces?: boolean;
  readonly resourceVersion?: string;
  readonly fieldSelector?: string;
  /** Change what files say; ask no server. */
  readonly local?: boolean;
}

/** `key=value` sets, `key-` removes; what is neither names objects. */
function changes(
  kind: 'label' | 'annotate',
  args: readonly string[],
): { what: string[]; set: Map<string, string | null> } {
  const what: string[] = [];
  const set = new Map<string, string | null>();
  const remove = new Set<string>();
  for (const arg of args) {
    const pair = /^([^=]+)=(.*)$/s.exec(arg);
    if (pair) set.set(pair[1] ?? '', pair[2] ?? '');
    else if (arg.endsWith('-') && what.length > 0) remove.add(arg.slice(0, -1));
    else what.push(arg);
  }
  const both = [...remove].filter((k) => set.has(k));
  if (both.length > 0) {
    const what = kind === 'label' ? 'a label' : 'the following annotation(s)';
    throw new CliError(
      `can not both modify and remove ${what} in the same command${kind === 'label' ? '' : `: ${both.join(', ')}`}`,
    );
  }
  for (const k of remove) set.set(k, null);
  return { what, set };
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
  present: Readonly<Record<string, string>> | undefined,
  set: ReadonlyMap<string, string | null>,
): string {
  if (kind === 'annotate') return 'annotated';
  // For kubectl an empty map where there was none is a change.
  if (!present) return 'labeled';
  const changed = [...set].some(([k, v]) => (v === null ? k in present : present[k] !== v));
  if (!changed) return 'not labeled';
  return [...set.values()].every((v) => v === null) ? 'unlabeled' : 'labeled';
}

/** The change made to the objects of files. */
async function changeLocally(
  ctx: CliContext,
  kind: 'label' | 'annotate',
  set: ReadonlyMap<string, string | null>,
  o: MetadataFlags,
): Promise<void> {
  for (const { resource, object } of await localObjects(ctx, o)) {
    const present = object.metadata?.[FIELD[kind]];
    check(kind, present ?? {}, set, o);
    const patch = { metadata: { [FIELD[kind]]: Object.fromEntries(set) } };
    report(
      ctx,
      { ...o, dryRun: 'none' },
      resource,
      mergePatch(object, patch) as KubeObject,
      outcome(kind, present, set),
    );
  }
}

/** `cox label` and `cox annotate`. */
export async function setMetadata(
  ctx: CliContext,
  kind: 'label' | 'annotate',
  args: readonly string[],
  o: MetadataFlags,
): Promise<void> {
  const { what, set } = changes(kind, args);
  if (set.size === 0 && !o.list)
    throw new CliError(`at least one ${kind === 'label' ? 'label' : 'annotation'} update is required`);
  if (o.local) return changeLocally(ctx, kind, set, o);
  refuseAllAndSelector(o);
  for (const c of await chosenObjects(ctx, what, o)) {
    for (const object of await objectsOf(ctx, c, o)) {
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
        query: writeQuery(o, `kubectl-${kind}`),
        body: { metadata },
      });
      report(ctx, o, c.resource, answer, outcome(kind, object.metadata?.[FIELD[kind]], set));
    }
  }
}
