import { labelValue } from '#api/meta/names.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { mergePatch } from '#api/patch/merge-patch.ts';
import { pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { oneByOne } from '../interrupted.ts';
import { localObjects } from '../manifests.ts';
import { chosenObjects, type Named, namedTargets, refuseAllAndSelector } from '../targets.ts';
import { report, targetLabel, type WriteFlags, writeQuery } from './write.ts';

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

/** What is changed in files alone no server looks at. @throws CliError for a value that no label can have */
function refuseLabel(arg: string, value: string): void {
  if (value.includes('=')) throw new CliError(`invalid label spec: ${arg}`);
  const [problem] = value === '' ? [] : labelValue(value);
  if (problem) throw new CliError(`invalid label value: "${arg}": ${problem}`);
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
    if (pair && kind === 'label') refuseLabel(arg, pair[2] ?? '');
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
): Promise<number> {
  for (const { resource, object } of await localObjects(ctx, o)) {
    const present = object.metadata?.[FIELD[kind]];
    check(kind, present ?? {}, set, o);
    const patch = { metadata: { [FIELD[kind]]: Object.fromEntries(set) } };
    await report(
      ctx,
      { ...o, dryRun: 'none' },
      resource,
      mergePatch(object, patch) as KubeObject,
      outcome(kind, present, set),
    );
  }
  return 0;
}

const LEFT = { label: 'not labeled', annotate: 'not annotated' } as const;

/** `cox label` and `cox annotate`. @returns the exit code */
export async function setMetadata(
  ctx: CliContext,
  kind: 'label' | 'annotate',
  args: readonly string[],
  o: MetadataFlags,
): Promise<number> {
  const { what, set } = changes(kind, args);
  if (set.size === 0 && !o.list)
    throw new CliError(`at least one ${kind === 'label' ? 'label' : 'annotation'} update is required`);
  if (o.local) return changeLocally(ctx, kind, set, o);
  refuseAllAndSelector(o);
  const all = await namedTargets(ctx, await chosenObjects(ctx, what, o), o);
  const left = o.list ? undefined : LEFT[kind];
  return oneByOne(ctx, { all, nameOf: targetLabel, left }, (c) => setOne(ctx, kind, c, { ...o, set }));
}

async function setOne(
  ctx: CliContext,
  kind: 'label' | 'annotate',
  c: Named,
  o: MetadataFlags & { readonly set: ReadonlyMap<string, string | null> },
): Promise<void> {
  const { set } = o;
  const path = pathOf(c.resource, c.namespace, c.name);
  const object = c.object ?? (await ctx.rest.json<KubeObject>({ path }));
  const present = object.metadata?.[FIELD[kind]] ?? {};
  if (o.list) {
    for (const [k, v] of Object.entries(present).sort()) ctx.out(`${k}=${v}\n`);
    return;
  }
  check(kind, present, set, o);
  for (const [k, v] of set) if (v === null && !(k in present) && kind === 'label') ctx.out(`label "${k}" not found.\n`);
  const metadata = {
    [FIELD[kind]]: Object.fromEntries(set),
    ...(o.resourceVersion ? { resourceVersion: o.resourceVersion } : {}),
  };
  const answer = await ctx.rest.json<KubeObject>({
    method: 'PATCH',
    path,
    contentType: 'application/merge-patch+json',
    query: writeQuery(o, `kubectl-${kind}`),
    body: { metadata },
  });
  await report(ctx, o, c.resource, answer, outcome(kind, object.metadata?.[FIELD[kind]], set));
}
