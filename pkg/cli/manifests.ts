import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { StatusError } from '#api/meta/errors.ts';
import { parseLabelSelector } from '#api/meta/labels.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { ApiResource, Discovery } from './api/discovery.ts';
import type { CliContext } from './context.ts';
import type { documentsIn } from './documents.ts';
import { CliError, sentence } from './errors.ts';
import { isCut, oneByOne } from './interrupted.ts';

/** An object a user wrote, and the file it stands in. */
export interface Manifest {
  readonly object: KubeObject;
  readonly file: string;
}

const isUrl = (path: string): boolean => /^https?:\/\//.test(path);

type Interruptible = Pick<CliContext, 'signal'>;

/** Text of a file or at a URL; "-" is standard input, which is not there at once when another program writes it. */
export async function readText({ signal }: Interruptible, path: string): Promise<string> {
  if (isUrl(path)) return (await import('./download.ts')).download(path, signal);
  if (path !== '-') return readFileSync(path, 'utf8');
  const chunks: Buffer[] = [];
  for await (const chunk of addAbortSignal(signal, process.stdin)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function filesOf(path: string, recursive: boolean): string[] {
  if (path === '-' || isUrl(path)) return [path];
  let isDirectory: boolean;
  try {
    isDirectory = statSync(path).isDirectory();
  } catch {
    throw new CliError(`the path "${path}" does not exist`);
  }
  if (!isDirectory) return [path];
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((e) => {
      if (e.isDirectory()) return recursive ? filesOf(join(path, e.name), true) : [];
      return /\.(ya?ml|json)$/.test(e.name) ? [join(path, e.name)] : [];
    });
}

function parseText(text: string, file: string, documents: typeof documentsIn): Manifest[] {
  const found: Manifest[] = [];
  const add = (object: KubeObject): void => void found.push({ object, file });
  for (const value of documents(text, file) as (KubeObject & { items?: KubeObject[] })[]) {
    if (!value.kind || !value.apiVersion) throw new CliError(`${file}: each object needs "apiVersion" and "kind"`);
    if (value.kind === 'List' && value.items) value.items.forEach(add);
    else add(value);
  }
  return found;
}

/** Where manifests come from: `-f`, `-R` and `-k`. */
export interface Sources {
  /** Files, folders, URLs, and "-" for standard input. */
  readonly filename?: readonly string[];
  /** Folders below those, too. */
  readonly recursive?: boolean;
  /** A folder with a kustomization. */
  readonly kustomize?: string;
}

export const hasSources = (o: Sources): boolean => o.filename !== undefined || o.kustomize !== undefined;

async function builtBy(folder: string): Promise<Manifest[]> {
  const { buildFolder } = await import('./kustomize/build.ts');
  return buildFolder(folder).map((object) => ({ object, file: folder }));
}

/** Why folders give nothing: what else is in them is not looked at. */
function nothingIn(paths: readonly string[]): string {
  const folders = paths.filter((p) => statSync(p, { throwIfNoEntry: false })?.isDirectory());
  return folders.length > 0 ? `: ${folders.join(', ')} has no objects in files named *.json, *.yaml or *.yml` : '';
}

/** All objects of files, directories and standard input, or of a kustomization. @throws CliError with file, line and column */
export async function readManifests(
  ctx: Interruptible,
  { filename = [], recursive = false, kustomize }: Sources,
): Promise<Manifest[]> {
  if (kustomize !== undefined && filename.length > 0) throw new CliError('only one of -f or -k can be specified');
  // Most commands take no files, and need no parser.
  const { documentsIn: documents } = await import('./documents.ts');
  const found: Manifest[] = [];
  for (const file of filename.flatMap((p) => filesOf(p, recursive)))
    found.push(...parseText(await readText(ctx, file), file === '-' ? 'STDIN' : file, documents));
  if (kustomize !== undefined) found.push(...(await builtBy(kustomize)));
  if (found.length === 0) throw new CliError(`no objects passed${nothingIn(filename)}`);
  return found;
}

/** Manifests with the labels asked for. */
export function selected(manifests: readonly Manifest[], selector: string | undefined): Manifest[] {
  if (!selector) return [...manifests];
  const wanted = parseLabelSelector(selector);
  return manifests.filter((m) => wanted.matches(m.object.metadata?.labels ?? {}));
}

/** The objects of files with their resources: what commands with --local work on. */
export async function localObjects(
  ctx: CliContext,
  o: Sources,
): Promise<{ resource: ApiResource; object: KubeObject }[]> {
  if (!hasSources(o)) throw new CliError('you must specify resources by --filename when --local is set');
  const discovery = await ctx.discovery();
  const local = async (m: Manifest): Promise<{ resource: ApiResource; object: KubeObject }> => {
    const resource = await resourceOf(discovery, m);
    namespaceOf(ctx, resource, m.object);
    return { resource, object: m.object };
  };
  return Promise.all((await readManifests(ctx, o)).map(local));
}

/** The resource of a manifest. @throws CliError that names the file */
export async function resourceOf(discovery: Discovery, m: Manifest): Promise<ApiResource> {
  try {
    return await discovery.ofObject(m.object);
  } catch (e) {
    const { name, namespace } = m.object.metadata ?? {};
    const where = `name: "${name ?? ''}" namespace: "${namespace ?? ''}" from "${m.file}"`;
    throw new CliError(
      `resource mapping not found for ${where}: ${(e as Error).message}\nensure CRDs are installed first`,
    );
  }
}

/**
 * The namespace an object of a file lives in; undefined for cluster-wide kinds.
 * @throws CliError when the file names another one than -n
 */
export function namespaceOf(
  ctx: Pick<CliContext, 'namespace' | 'namespaceGiven'>,
  r: Pick<ApiResource, 'namespaced'>,
  { metadata }: KubeObject,
): string | undefined {
  if (!r.namespaced) return undefined;
  const namespace = metadata?.namespace || ctx.namespace;
  if (ctx.namespaceGiven && namespace !== ctx.namespace) {
    throw new CliError(
      `the namespace from the provided object "${namespace}" does not match the namespace "${ctx.namespace}". You must pass '--namespace=${namespace}' to perform this operation.`,
    );
  }
  return namespace;
}

/** What the server refused, with what was done to which file. */
function withSource(e: unknown, doing: string, file: string): unknown {
  if (!(e instanceof StatusError) || e.reason === 'Invalid') return e;
  return new StatusError({ ...e.status, message: `error when ${doing} "${file}": ${e.message}` });
}

/**
 * Does `work` for every object of the files, in their order. What fails is told and does not keep the others from being done; an
 * interrupt does, and those are told.
 * @returns the exit code
 */
export async function eachManifest(
  ctx: CliContext,
  files: Sources & { readonly doing: string },
  work: Work,
): Promise<number> {
  return eachOf(ctx, await readManifests(ctx, files), files.doing, work);
}

/** What is done with an object of a file. It may say more exactly what it is doing, for what is told of a failure. */
export type Work = (resource: ApiResource, object: KubeObject, doing: { what: string }) => Promise<void>;

const nameOf = ({ object: { kind, metadata } }: Manifest): string => `${kind} "${metadata?.name ?? ''}"`;

/** The same for manifests that have been read. */
export async function eachOf(
  ctx: CliContext,
  manifests: readonly Manifest[],
  verb: string,
  work: Work,
): Promise<number> {
  const discovery = await ctx.discovery();
  let code = 0;
  const stopped = await oneByOne(ctx, { all: manifests, nameOf, left: `before ${verb}` }, async (m) => {
    const doing = { what: verb };
    try {
      await work(await resourceOf(discovery, m), m.object, doing);
    } catch (e) {
      if (isCut(ctx, e)) throw e;
      code = 1;
      ctx.err(`${sentence(withSource(e, doing.what, m.file))}\n`);
    }
  });
  return stopped || code;
}
