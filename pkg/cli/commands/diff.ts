import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { toYaml } from '#api/yaml.ts';
import { type ApiResource, apiVersionOf, pathOf } from '../api/discovery.ts';
import { LAST_APPLIED } from '../apply/last-applied.ts';
import { appliedPatch } from '../apply/patches.ts';
import { type Applied, kindsToPrune, prunable } from '../apply/prune.ts';
import { CLIENT_SIDE, SERVER_SIDE } from '../apply/take-over.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { hasSources, type Manifest, readManifests, resourceOf, selected } from '../manifests.ts';
import { withoutManagedFields } from '../output/print.ts';
import type { ApplyFlags } from './apply.ts';
import { withNamespace } from './write.ts';

export interface DiffFlags extends ApplyFlags {
  /** Objects at a time. */
  readonly concurrency?: string;
  readonly showManagedFields?: boolean;
}

/** What `diff` says when something failed: 1 says that there are differences. */
const FAILED = 2;

/** What the object would be after an apply, as the server works it out. */
async function mergedOf(
  ctx: CliContext,
  r: ApiResource,
  object: KubeObject,
  live: KubeObject | undefined,
  o: DiffFlags,
): Promise<KubeObject> {
  const path = pathOf(r, object.metadata?.namespace, object.metadata?.name);
  const query = {
    dryRun: 'All',
    fieldManager: o.fieldManager ?? (o.serverSide ? SERVER_SIDE : CLIENT_SIDE),
  };
  if (o.serverSide) {
    const contentType = 'application/apply-patch+yaml';
    const force = o.forceConflicts === true;
    return ctx.rest.json({
      method: 'PATCH',
      path,
      contentType,
      query: { ...query, force },
      body: JSON.stringify(object),
    });
  }
  // Differences are to be seen, so a field that is not known is no error.
  const lenient = { ...query, fieldValidation: 'Warn' };
  if (!live)
    return ctx.rest.json({ method: 'POST', path: pathOf(r, object.metadata?.namespace), query: lenient, body: object });
  const last = live.metadata?.annotations?.[LAST_APPLIED];
  const { body, contentType } = appliedPatch(
    r,
    last ? (JSON.parse(last) as KubeObject) : ({} as KubeObject),
    { ...object, metadata: { ...object.metadata, annotations: object.metadata?.annotations ?? {} } },
    live,
  );
  return ctx.rest.json({ method: 'PATCH', path, contentType, query: lenient, body });
}

type Secret = KubeObject & { data?: Record<string, string> };

/** Values of Secrets are not shown, only that they differ. */
function masked(live: Secret | undefined, merged: Secret): [Secret | undefined, Secret] {
  const hide = (own: Secret, other: Secret | undefined, word: string): Secret => ({
    ...own,
    data: Object.fromEntries(
      Object.entries(own.data ?? {}).map(([k, v]) => {
        const changed = other?.data?.[k] !== undefined && other.data[k] !== v;
        return [k, changed ? `*** (${word})` : '***'];
      }),
    ),
  });
  return [live && hide(live, merged, 'before'), hide(merged, live, 'after')];
}

/** Writes what an object is and what it would be, each into a file of one name in a folder of its own. */
function writeStates(folders: readonly string[], r: ApiResource, states: readonly State[], o: DiffFlags): void {
  const { namespace = '', name = '' } = states.find((x) => x !== undefined)?.metadata ?? {};
  const file = [r.group, r.version, r.kind, namespace, name].filter((part, i) => part !== '' || i === 3).join('.');
  for (const [i, x] of states.entries()) {
    const shown = x && (o.showManagedFields ? x : withoutManagedFields(x));
    if (shown) writeFileSync(join(folders[i] ?? '', file), toYaml(shown), { mode: 0o600 });
  }
}

type State = KubeObject | undefined;

/** Writes down what is and what would be of all objects. @returns those that are applied */
async function statesOfAll(ctx: CliContext, folders: readonly string[], o: DiffFlags): Promise<Applied> {
  const discovery = await ctx.discovery();
  const applied: Applied = { uids: new Set(), namespaces: new Set() };
  const one = async (m: Manifest): Promise<void> => {
    const r = await resourceOf(discovery, m);
    const object = withNamespace(ctx, r, m.object);
    if (object.metadata?.namespace) applied.namespaces.add(object.metadata.namespace);
    const live = await ctx.rest.found<KubeObject>(pathOf(r, object.metadata?.namespace, object.metadata?.name));
    if (live?.metadata?.uid) applied.uids.add(live.metadata.uid);
    const merged = await mergedOf(ctx, r, object, live, o);
    writeStates(folders, r, r.kind === 'Secret' ? masked(live, merged) : [live, merged], o);
  };
  const left = selected(await readManifests(ctx, o), o.selector);
  const worker = async (): Promise<void> => {
    for (let m = left.shift(); m !== undefined; m = left.shift()) await one(m);
  };
  await Promise.all(Array.from({ length: concurrencyOf(o) }, worker));
  return applied;
}

function concurrencyOf({ concurrency = '1' }: DiffFlags): number {
  if (/^[1-9]\d{0,3}$/.test(concurrency)) return Number(concurrency);
  throw new CliError(`--concurrency: "${concurrency}" is no number of objects`);
}

/** `cox diff -f`: what an apply would change. @returns 0 for nothing, 1 for something, more when it failed */
export async function diff(ctx: CliContext, o: DiffFlags): Promise<number> {
  if (!hasSources(o)) throw new CliError('must specify one of -f and -k', FAILED);
  const folders = ['LIVE', 'MERGED'].map((n) => mkdtempSync(join(tmpdir(), `${n}-`))) as [string, string];
  try {
    const kinds = o.prune ? await kindsToPrune(ctx, o) : [];
    const applied = await statesOfAll(ctx, folders, o);
    for await (const { resource, object } of prunable(ctx, kinds, applied, o)) {
      const typed = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
      writeStates(folders, resource, [resource.kind === 'Secret' ? masked(undefined, typed)[1] : typed], o);
    }
    return compare(ctx, folders);
  } catch (e) {
    if (e instanceof CliError) throw new CliError(e.message, FAILED);
    throw Object.assign(e as Error, { exitCode: FAILED });
  } finally {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs $KUBECTL_EXTERNAL_DIFF, or diff. */
function compare(ctx: CliContext, folders: readonly [string, string]): number {
  const [program = '', ...args] = (process.env.KUBECTL_EXTERNAL_DIFF || 'diff -u -N').split(' ');
  const { status, stdout, stderr, error } = spawnSync(program, [...args, ...folders], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error) throw new CliError(`failed to run "${program}": ${error.message}`, FAILED);
  ctx.out(stdout);
  ctx.err(stderr);
  return status ?? FAILED;
}
