import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { ApiResource, Discovery } from './api/discovery.ts';
import { CliError } from './errors.ts';

/** One thing a command acts on. */
export interface Target {
  readonly resource: ApiResource;
  /** Absent: the whole collection. */
  readonly name?: string;
}

/** Reads `TYPE`, `TYPE NAME…`, `TYPE/NAME…` and `TYPE,TYPE`. */
export function parseTargets(args: readonly string[], discovery: Discovery): Target[] {
  const [first, ...names] = args;
  if (!first) throw new CliError('say what: a type such as "pods", and a name');
  if (args.some((a) => a.includes('/'))) {
    return args.map((a) => {
      const [type, name, extra] = a.split('/');
      if (!type || !name || extra !== undefined)
        throw new CliError(`"${a}" must be TYPE/NAME when one of the arguments is`);
      return { resource: discovery.find(type), name };
    });
  }
  const resources = first.split(',').flatMap((t) => {
    const category = discovery.category(t);
    return category.length > 0 ? category : [discovery.find(t)];
  });
  if (names.length === 0) return resources.map((resource) => ({ resource }));
  return resources.flatMap((resource) => names.map((name) => ({ resource, name })));
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

function parseText(text: string, file: string): KubeObject[] {
  const objects: KubeObject[] = [];
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
    if (value.kind === 'List' && value.items) objects.push(...value.items);
    else objects.push(value);
  }
  return objects;
}

/** All objects of files, directories and standard input ("-"). @throws CliError with file, line and column */
export function readManifests(paths: readonly string[], recursive = false): KubeObject[] {
  const objects = paths.flatMap((p) =>
    filesOf(p, recursive).flatMap((file) =>
      parseText(readFileSync(file === '-' ? 0 : file, 'utf8'), file === '-' ? 'standard input' : file),
    ),
  );
  if (objects.length === 0) throw new CliError('no objects passed');
  return objects;
}
