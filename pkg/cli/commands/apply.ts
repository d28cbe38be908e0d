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
import { eachManifest } from '../manifests.ts';
import { listOf, printObject, withoutManagedFields } from '../output/print.ts';
import { LAST_APPLIED, withLastApplied } from './last-applied.ts';
import { report, type WriteFlags, withNamespace, writeQuery } from './write.ts';

export interface ApplyFlags extends WriteFlags {
  readonly serverSide?: boolean;
  readonly forceConflicts?: boolean;
}

const MANAGER = 'kubectl-client-side-apply';

const kindOf = (r: ApiResource): Kind | undefined =>
  builtinKinds.find((k) => k.group === r.group && k.version === r.version && k.plural === r.plural);

/** `cox apply -f`: creates what is missing and patches what differs ("Declarative Management of Objects"). @returns the exit code */
export async function apply(ctx: CliContext, o: ApplyFlags): Promise<number> {
  if (!o.filename) throw new CliError('must specify -f: which files to apply');
  const applied: KubeObject[] = [];
  const files = { filename: o.filename, ...(o.recursive ? { recursive: true } : {}), doing: 'applying' };
  // Several objects are printed as one list, so that the output is one document.
  const listed = o.output === 'yaml' || o.output === 'json';
  const tell: Tell = (r, object, done) => (listed ? void applied.push(object) : report(ctx, o, r, object, done));
  const code = await eachManifest(ctx, files, async (resource, manifest, doing) => {
    if (!manifest.metadata?.name) throw new CliError(`${manifest.kind}: metadata.name is required to apply`);
    const object = withNamespace(ctx, resource, manifest);
    if (o.serverSide) await applyServerSide(ctx, resource, object, { ...o, tell, doing });
    else await applyOne(ctx, resource, object, { ...o, tell, doing });
  });
  const [first, second] = applied.map(withoutManagedFields);
  if (first)
    ctx.out(
      printObject(
        second ? { ...listOf(applied.map(withoutManagedFields)), metadata: {} } : first,
        o.output ?? '',
        () => '',
      ),
    );
  return code;
}

type Tell = (r: ApiResource, object: KubeObject, done: string) => void;
type Applying = ApplyFlags & { readonly tell: Tell; readonly doing: { what: string } };

async function applyServerSide(ctx: CliContext, r: ApiResource, object: KubeObject, o: Applying): Promise<void> {
  const answer = await ctx.rest.json<KubeObject>({
    method: 'PATCH',
    path: pathOf(r, object.metadata?.namespace, object.metadata?.name),
    contentType: 'application/apply-patch+yaml',
    query: { ...writeQuery(o, 'kubectl'), force: o.forceConflicts === true },
    body: JSON.stringify(object),
  });
  o.tell(r, answer, 'serverside-applied');
}

async function applyOne(ctx: CliContext, r: ApiResource, object: KubeObject, o: Applying): Promise<void> {
  const path = pathOf(r, object.metadata?.namespace, object.metadata?.name);
  const modified = withLastApplied(object);
  const query = writeQuery(o, MANAGER);
  let current: KubeObject;
  try {
    current = await ctx.rest.json<KubeObject>({ path });
  } catch (e) {
    if (!isNotFound(e)) throw e;
    if (o.dryRun === 'client') {
      o.tell(r, modified, 'created');
      return;
    }
    o.doing.what = 'creating';
    const created = await ctx.rest.json<KubeObject>({
      method: 'POST',
      path: pathOf(r, object.metadata?.namespace),
      query,
      body: modified,
    });
    o.tell(r, created, 'created');
    return;
  }
  const lastText = current.metadata?.annotations?.[LAST_APPLIED];
  if (!lastText) {
    ctx.err(
      `Warning: resource ${r.plural}/${object.metadata?.name} is missing the ${LAST_APPLIED} annotation which is required by cox apply. cox apply should only be used on resources created declaratively by either cox create --save-config or cox apply. The missing annotation will be patched automatically.\n`,
    );
  }
  const last = lastText ? (JSON.parse(lastText) as KubeObject) : ({} as KubeObject);
  const { body, contentType, unchanged } = patchFor(kindOf(r), last, modified, current);
  if (unchanged) {
    o.tell(r, current, 'unchanged');
    return;
  }
  if (o.dryRun === 'client') {
    o.tell(r, modified, 'configured');
    return;
  }
  const patched = await ctx.rest.json<KubeObject>({ method: 'PATCH', path, query, contentType, body });
  const same = patched.metadata?.resourceVersion === current.metadata?.resourceVersion;
  o.tell(r, patched, same ? 'unchanged' : 'configured');
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
