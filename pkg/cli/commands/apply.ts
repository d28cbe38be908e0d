import { isConflict, isInvalid } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { type ApiResource, pathOf, qualified } from '../api/discovery.ts';
import { ApplySet } from '../apply/apply-set.ts';
import { conflicts } from '../apply/conflicts.ts';
import { LAST_APPLIED, withLastApplied } from '../apply/last-applied.ts';
import { type Applied, checkPruning, kindsToPrune, type PruneFlags, prune } from '../apply/prune.ts';
import { CLIENT_SIDE, SERVER_SIDE, takenOver } from '../apply/take-over.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { eachOf, hasSources, type Manifest, readManifests, resourceOf, selected } from '../manifests.ts';
import { type AskFlags, askOrStop, canAsk, contextInUse } from '../terminal/confirm.ts';
import { report, withNamespace, writeQuery } from './write.ts';

export interface ApplyFlags extends PruneFlags, AskFlags {
  readonly serverSide?: boolean;
  readonly forceConflicts?: boolean;
  /** Default true: what files say wins over what somebody else has changed. */
  readonly overwrite?: boolean;
  /** With --server-side: of this part of the object. */
  readonly subresource?: string;
}

const ON_CONFLICT =
  'To take these fields over: --force-conflicts. To leave them to the others: take them out of the file. To share them: write the values they have.';

/** @throws CliError for flags that exclude each other, in kubectl's words */
function refuseContradictions(o: ApplyFlags): void {
  if (o.serverSide && o.force) throw new CliError('--force cannot be used with --server-side');
  if (o.serverSide && o.dryRun === 'client')
    throw new CliError("--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)");
  if (o.forceConflicts && !o.serverSide) throw new CliError('--force-conflicts only works with --server-side');
  if (o.force && o.dryRun === 'server') throw new CliError('--dry-run=server cannot be used with --force');
}

/** `cox apply -f`: creates what is missing and patches what differs ("Declarative Management of Objects"). @returns the exit code */
export async function apply(ctx: CliContext, o: ApplyFlags): Promise<number> {
  refuseContradictions(o);
  if ((o.dryRun ?? 'none') === 'none' && canAsk(o)) {
    const { name, isProtected } = await contextInUse(o);
    if (isProtected || o.prune) {
      const code = await applyAll(ctx, { ...o, dryRun: 'server', output: '' });
      if (code !== 0) return code;
      await askOrStop(ctx, `Do this in context "${name}"${isProtected ? ', which is protected' : ''}?`);
    }
  }
  return applyAll(ctx, o);
}

async function applyAll(ctx: CliContext, o: ApplyFlags): Promise<number> {
  if (!hasSources(o)) throw new CliError('must specify -f: which files to apply');
  checkPruning(o);
  const printed: KubeObject[] = [];
  // Several objects are printed as one list, so that the output is one document.
  const listed = o.output === 'yaml' || o.output === 'json';
  const tell: Tell = async (r, object, done) => {
    if (object.metadata?.uid) applied.uids.add(object.metadata.uid);
    if (listed) printed.push(object);
    else await report(ctx, o, r, object, done);
  };
  const applied: Applied = { uids: new Set(), namespaces: new Set() };
  const manifests = selected(await readManifests(ctx, o), o.selector);
  if (manifests.length === 0) throw new CliError('no objects passed to apply');
  const kinds = o.prune && !o.applyset ? await kindsToPrune(ctx, o) : [];
  const set = o.applyset ? await membersOf(ctx, o.applyset, manifests, o) : undefined;
  const code = await eachOf(ctx, manifests, 'applying', async (resource, manifest, doing) => {
    if (!manifest.metadata?.name) throw new CliError(`${manifest.kind}: metadata.name is required to apply`);
    const placed = withNamespace(ctx, resource, manifest);
    const object = set ? set.applySet.member(placed) : placed;
    if (object.metadata?.namespace) applied.namespaces.add(object.metadata.namespace);
    if (o.serverSide) await applyServerSide(ctx, resource, object, { ...o, tell, doing });
    else await applyOne(ctx, resource, object, { ...o, tell, doing });
  });
  const [first, second] = printed;
  if (first) {
    const { listOf, printObject } = await import('../output/print.ts');
    ctx.out(printObject(second ? { ...listOf(printed), metadata: {} } : first, o, () => ''));
  }
  // What could not be applied may be what would be deleted.
  if (code !== 0 || !o.prune) return code;
  if (!set) await prune(ctx, kinds, applied, o);
  else {
    await set.applySet.prune(set.resources, applied, o);
    await set.applySet.announce(set.resources, [...applied.namespaces], o, true);
  }
  return code;
}

/** Opens a set and writes down that what is applied now belongs to it. */
async function membersOf(ctx: CliContext, parent: string, manifests: readonly Manifest[], o: ApplyFlags) {
  const applySet = await ApplySet.open(ctx, parent);
  const discovery = await ctx.discovery();
  const resources = await Promise.all(manifests.map((m) => resourceOf(discovery, m)));
  const namespaces = manifests.flatMap((m, i) =>
    resources[i]?.namespaced ? [m.object.metadata?.namespace ?? ctx.namespace] : [],
  );
  await applySet.announce(resources, namespaces, o, false);
  return { applySet, resources };
}

type Tell = (r: ApiResource, object: KubeObject, done: string) => Promise<void>;
type Applying = ApplyFlags & { readonly tell: Tell; readonly doing: { what: string } };

async function applyServerSide(ctx: CliContext, r: ApiResource, object: KubeObject, o: Applying): Promise<void> {
  const path = pathOf(r, object.metadata?.namespace, object.metadata?.name, o.subresource);
  const query = writeQuery(o, SERVER_SIDE);
  const applied = (): Promise<KubeObject> =>
    ctx.rest
      .json<KubeObject>({
        method: 'PATCH',
        path,
        contentType: 'application/apply-patch+yaml',
        query: { ...query, force: o.forceConflicts === true },
        body: JSON.stringify(object),
      })
      .catch((e: unknown) => {
        throw isConflict(e) ? new CliError(`${(e as Error).message}\n${ON_CONFLICT}`) : e;
      });
  const answer = await applied();
  const { managedFields = [], resourceVersion } = answer.metadata ?? {};
  const owned = (o.dryRun ?? 'none') === 'none' ? takenOver(managedFields, query.fieldManager) : undefined;
  if (owned) {
    const contentType = 'application/json-patch+json';
    const body = Object.entries({ managedFields: owned, resourceVersion }).map(([field, value]) => ({
      op: 'replace',
      path: `/metadata/${field}`,
      value,
    }));
    await ctx.rest.json({ method: 'PATCH', path, contentType, query, body });
  }
  await o.tell(r, owned ? await applied() : answer, 'serverside-applied');
}

async function applyOne(ctx: CliContext, r: ApiResource, object: KubeObject, o: Applying): Promise<void> {
  const path = pathOf(r, object.metadata?.namespace, object.metadata?.name);
  const modified = withLastApplied(object);
  const query = writeQuery(o, CLIENT_SIDE);
  const current = await ctx.rest.found<KubeObject>(path);
  if (!current) {
    if (o.dryRun === 'client') {
      await o.tell(r, modified, 'created');
      return;
    }
    o.doing.what = 'creating';
    const created = await ctx.rest.json<KubeObject>({
      method: 'POST',
      path: pathOf(r, object.metadata?.namespace),
      query,
      body: modified,
    });
    await o.tell(r, created, 'created');
    return;
  }
  const lastText = current.metadata?.annotations?.[LAST_APPLIED];
  if (!lastText) {
    ctx.err(
      `Warning: resource ${r.plural}/${object.metadata?.name} is missing the ${LAST_APPLIED} annotation which is required by cox apply. cox apply should only be used on resources created declaratively by either cox create --save-config or cox apply. The missing annotation will be patched automatically.\n`,
    );
  }
  const last = lastText ? (JSON.parse(lastText) as KubeObject) : ({} as KubeObject);
  if (o.overwrite === false) refuseConflicts(last, modified, current);
  // It knows every kind, which takes as long to load as to ask the server.
  const { appliedPatch } = await import('../apply/patches.ts');
  const { body, contentType, unchanged } = appliedPatch(r, last, modified, current);
  if (o.dryRun === 'client') {
    // kubectl does not look whether anything would change.
    await o.tell(
      r,
      { ...modified, metadata: { ...modified.metadata, uid: current.metadata?.uid } } as KubeObject,
      'configured',
    );
    return;
  }
  if (unchanged) {
    await o.tell(r, current, 'unchanged');
    return;
  }
  const patched = await ctx.rest
    .json<KubeObject>({ method: 'PATCH', path, query, contentType, body })
    .catch((e: unknown) => {
      if (!o.force || o.dryRun === 'server' || !(isConflict(e) || isInvalid(e))) throw e;
      return madeAnew(ctx, r, modified, { query, o });
    });
  const same = patched.metadata?.resourceVersion === current.metadata?.resourceVersion;
  await o.tell(r, patched, same ? 'unchanged' : 'configured');
}

/** --force: what cannot be changed is deleted, waited for, and made anew. */
async function madeAnew(
  ctx: CliContext,
  r: ApiResource,
  modified: KubeObject,
  { query, o }: { query: ReturnType<typeof writeQuery>; o: ApplyFlags },
): Promise<KubeObject> {
  const { makeWay } = await import('./delete.ts');
  // The file may name another namespace than the one worked in.
  const there = { ...ctx, namespace: modified.metadata?.namespace ?? ctx.namespace };
  await makeWay(there, `${qualified(r)}/${modified.metadata?.name}`, { ...o, quiet: true });
  return ctx.rest.json<KubeObject>({
    method: 'POST',
    path: pathOf(r, modified.metadata?.namespace),
    query,
    body: modified,
  });
}

/** --overwrite=false. @throws CliError naming the fields that both the files and somebody else have changed since the last apply */
function refuseConflicts(last: KubeObject, modified: KubeObject, current: KubeObject): void {
  const plain = (x: KubeObject): KubeObject => {
    const { [LAST_APPLIED]: _l, ...annotations } = x.metadata?.annotations ?? {};
    return { ...x, metadata: { ...x.metadata, annotations } };
  };
  const fields = conflicts(plain(last), plain(modified), plain(current));
  if (fields.length > 0)
    throw new CliError(
      `${fields.join(', ')}: changed by somebody else since the last apply, and --overwrite is false; --overwrite takes what the files say`,
    );
}
