import type { Kind } from '#api/kind.ts';
import { builtinKinds } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { mergePatch } from '#api/patch/merge-patch.ts';
import { strategicMerge } from '#api/patch/strategic-merge.ts';
import { threeWayMergePatch, threeWayStrategicPatch } from '#api/patch/three-way.ts';
import { type ApiResource, pathOf } from '../api/discovery.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { readManifests } from '../targets.ts';
import { report, type WriteFlags, withNamespace, writeQuery } from './write.ts';

export interface ApplyFlags extends WriteFlags {
  readonly serverSide?: boolean;
  readonly forceConflicts?: boolean;
  readonly fieldManager?: string;
}

/** Where kubectl keeps what was applied last; we keep the same, so both can be used on one object. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const MANAGER = 'kubectl-client-side-apply';

/** The object with its own text in the last-applied annotation. */
function withLastApplied(object: KubeObject): KubeObject {
  const { [LAST_APPLIED]: _old, ...annotations } = object.metadata?.annotations ?? {};
  const plain = { ...object, metadata: { ...object.metadata, annotations } };
  return {
    ...plain,
    metadata: { ...plain.metadata, annotations: { ...annotations, [LAST_APPLIED]: `${JSON.stringify(plain)}\n` } },
  };
}

const kindOf = (r: ApiResource): Kind | undefined =>
  builtinKinds.find((k) => k.group === r.group && k.version === r.version && k.plural === r.plural);

/** `cox apply -f`: creates what is missing and patches what differs ("Declarative Management of Objects"). */
export async function apply(ctx: CliContext, o: ApplyFlags): Promise<void> {
  if (!o.filename) throw new CliError('must specify -f: which files to apply');
  const discovery = await ctx.discovery();
  for (const manifest of readManifests(o.filename, o.recursive)) {
    const resource = discovery.ofObject(manifest);
    if (!manifest.metadata?.name) throw new CliError(`${manifest.kind}: metadata.name is required to apply`);
    const object = withNamespace(ctx, resource, manifest);
    if (o.serverSide) await applyServerSide(ctx, resource, object, o);
    else await applyOne(ctx, resource, object, o);
  }
}

async function applyServerSide(ctx: CliContext, r: ApiResource, object: KubeObject, o: ApplyFlags): Promise<void> {
  const answer = await ctx.rest.json<KubeObject>({
    method: 'PATCH',
    path: pathOf(r, object.metadata?.namespace, object.metadata?.name),
    contentType: 'application/apply-patch+yaml',
    query: { ...writeQuery(o, o.fieldManager ?? 'kubectl'), force: o.forceConflicts === true },
    body: JSON.stringify(object),
  });
  report(ctx, o, r, answer, 'serverside-applied');
}

async function applyOne(ctx: CliContext, r: ApiResource, object: KubeObject, o: ApplyFlags): Promise<void> {
  const path = pathOf(r, object.metadata?.namespace, object.metadata?.name);
  const modified = withLastApplied(object);
  const query = writeQuery(o, o.fieldManager ?? MANAGER);
  let current: KubeObject;
  try {
    current = await ctx.rest.json<KubeObject>({ path });
  } catch (e) {
    if (!isNotFound(e)) throw e;
    if (o.dryRun === 'client') {
      report(ctx, o, r, modified, 'created');
      return;
    }
    const created = await ctx.rest.json<KubeObject>({
      method: 'POST',
      path: pathOf(r, object.metadata?.namespace),
      query,
      body: modified,
    });
    report(ctx, o, r, created, 'created');
    return;
  }
  const lastText = current.metadata?.annotations?.[LAST_APPLIED];
  if (!lastText) {
    ctx.err(
      `Warning: resource ${r.plural}/${object.metadata?.name} is missing the ${LAST_APPLIED} annotation which is required by apply. The missing annotation will be patched automatically.\n`,
    );
  }
  const last = lastText ? (JSON.parse(lastText) as KubeObject) : ({} as KubeObject);
  const { body, contentType, unchanged } = patchFor(kindOf(r), last, modified, current);
  if (unchanged) {
    report(ctx, o, r, current, 'unchanged');
    return;
  }
  if (o.dryRun === 'client') {
    report(ctx, o, r, modified, 'configured');
    return;
  }
  const patched = await ctx.rest.json<KubeObject>({ method: 'PATCH', path, query, contentType, body });
  const same = patched.metadata?.resourceVersion === current.metadata?.resourceVersion;
  report(ctx, o, r, patched, same ? 'unchanged' : 'configured');
}

/** The patch that brings `current` to `modified`, forgetting what was in `last`: strategic where the kind is known. */
function patchFor(kind: Kind | undefined, last: KubeObject, modified: KubeObject, current: KubeObject) {
  if (kind) {
    const body = threeWayStrategicPatch(kind.schema, last, modified, current) as Record<string, unknown>;
    return {
      body,
      contentType: 'application/strategic-merge-patch+json',
      unchanged: sameJson(strategicMerge(kind.schema, current, body), current),
    };
  }
  const body = threeWayMergePatch(last, modified, current) as Record<string, unknown>;
  return { body, contentType: 'application/merge-patch+json', unchanged: sameJson(mergePatch(current, body), current) };
}
