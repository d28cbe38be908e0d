import { sameJson } from '#api/meta/equal.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ApiResource, pathOf, qualified } from '../api/discovery.ts';
import { patchBetween } from '../apply/patches.ts';
import { foundLabel, report, type WriteFlags, writeQuery } from '../commands/write.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { isCut, oneByOne } from '../interrupted.ts';
import { localObjects } from '../manifests.ts';
import { type EditablePodSpec, podSpecOf } from '../pod-spec.ts';
import { type Found, foundObjects, refuseAllAndSelector } from '../targets.ts';

export interface SetFlags extends WriteFlags {
  readonly local?: boolean;
  readonly all?: boolean;
  readonly selector?: string;
}

/** A change to objects: `edit` changes a copy in place. */
export interface Change {
  /** What is told: "image updated". */
  readonly done: string;
  /** What went wrong when the server refuses: its own words follow. */
  readonly refused: string;
  /** Also told when the object was so before. */
  readonly always?: boolean;
  readonly edit: (object: KubeObject, resource: ApiResource) => void | Promise<void>;
}

async function objectsOf(ctx: CliContext, args: readonly string[], o: SetFlags): Promise<Found[]> {
  return o.local ? localObjects(ctx, o) : foundObjects(ctx, args, o);
}

async function changeOne(ctx: CliContext, { resource, object }: Found, change: Change, o: SetFlags): Promise<void> {
  const after = structuredClone(object);
  await change.edit(after, resource);
  const same = sameJson(object, after);
  if (o.local || o.dryRun === 'client') {
    if (!same || o.local || o.output || change.always) await report(ctx, o, resource, after, change.done);
    return;
  }
  if (same && !change.always) return;
  const { body, contentType } = patchBetween(resource, object, after);
  try {
    const answer = await ctx.rest.json<KubeObject>({
      method: 'PATCH',
      path: pathOf(resource, object.metadata?.namespace, object.metadata?.name),
      query: writeQuery(o, 'kubectl-set'),
      contentType,
      body,
    });
    await report(ctx, o, resource, answer, change.done);
  } catch (e) {
    if (isCut(ctx, e)) throw e;
    throw new CliError(`${change.refused} ${(e as Error).message}`);
  }
}

/** Makes a change to every object chosen; what fails is told at the end. @returns the exit code. @throws CliError */
export async function changeObjects(
  ctx: CliContext,
  args: readonly string[],
  change: Change,
  o: SetFlags,
): Promise<number> {
  refuseAllAndSelector(o);
  const problems: string[] = [];
  const all = await objectsOf(ctx, args, o);
  const code = await oneByOne(ctx, { all, nameOf: foundLabel, left: 'not changed' }, async (found) => {
    try {
      await changeOne(ctx, found, change, o);
    } catch (e) {
      if (!(e instanceof CliError) || isCut(ctx, e)) throw e;
      problems.push(e.message);
    }
  });
  if (problems.length > 0) throw new CliError(problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`);
  return code;
}

/** @throws CliError for an object without pods */
export function specToChange(o: KubeObject, r: ApiResource): EditablePodSpec {
  const spec = podSpecOf(o);
  if (spec) return spec;
  const name = `${r.plural}/${o.metadata?.name ?? ''}`;
  throw new CliError(`${name} the object is not a pod or does not have a pod template: ${qualified(r)}`);
}
