import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { StatusError } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { ApiResource, Discovery } from './api/discovery.ts';
import type { CliContext } from './context.ts';
import { CliError, sentence } from './errors.ts';

/** An object a user wrote, and the file it stands in. */
export interface Manifest {
  readonly object: KubeObject;
  readonly file: string;
}

function filesOf(path: string, recursive: boolean): string[] {
  if (path === '-') return [path];
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

function parseText(text: string, file: string): Manifest[] {
  const found: Manifest[] = [];
  const add = (object: KubeObject): void => void found.push({ object, file });
  for (const doc of parseAllDocuments(text, { version: '1.1', merge: true })) {
    if (!('errors' in doc)) continue;
    const problem = doc.errors[0];
    if (problem) {
      const at = problem.linePos?.[0];
      throw new CliError(
        `${file}${at ? `, line ${at.line}, column ${at.col}` : ''}: ${problem.message.split('\n')[0]}`,
      );
    }
    const value = doc.toJS({ maxAliasCount: 100 }) as (KubeObject & { items?: KubeObject[] }) | null;
    if (value === null) continue;
    if (!value.kind || !value.apiVersion) throw new CliError(`${file}: each object needs "apiVersion" and "kind"`);
    if (value.kind === 'List' && value.items) value.items.forEach(add);
    else add(value);
  }
  return found;
}

/** All objects of files, directories and standard input ("-"). @throws CliError with file, line and column */
export function readManifests(paths: readonly string[], recursive = false): Manifest[] {
  const found = paths.flatMap((p) =>
    filesOf(p, recursive).flatMap((file) =>
      parseText(readFileSync(file === '-' ? 0 : file, 'utf8'), file === '-' ? 'STDIN' : file),
    ),
  );
  if (found.length === 0) throw new CliError('no objects passed');
  return found;
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

/** What the server refused, with what was done to which file. */
function withSource(e: unknown, doing: string, file: string): unknown {
  if (!(e instanceof StatusError) || e.reason === 'Invalid') return e;
  return new StatusError({ ...e.status, message: `error when ${doing} "${file}": ${e.message}` });
}

/**
 * Does `work` for every object of the files, in their order. What fails is told and does not keep the others from being done.
 * @param work may say more exactly what it is doing, for what is told of a failure. @returns the exit code
 */
export async function eachManifest(
  ctx: CliContext,
  files: { readonly filename: readonly string[]; readonly recursive?: boolean; readonly doing: string },
  work: (resource: ApiResource, object: KubeObject, doing: { what: string }) => Promise<void>,
): Promise<number> {
  const discovery = await ctx.discovery();
  let code = 0;
  for (const m of readManifests(files.filename, files.recursive)) {
    const doing = { what: files.doing };
    try {
      await work(await resourceOf(discovery, m), m.object, doing);
    } catch (e) {
      code = 1;
      ctx.err(`${sentence(withSource(e, doing.what, m.file))}\n`);
    }
  }
  return code;
}
