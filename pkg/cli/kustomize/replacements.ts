import { readFileSync } from 'node:fs';
import { documentsIn } from '../documents.ts';
import { CliError } from '../errors.ts';
import type { Locate } from './generators.ts';
import type { ReplacementEntry, ReplacementOptions } from './kustomization.ts';
import { isObject, type Json, matches, type Resource, type Target } from './resource.ts';

/** Parts of "spec.containers.[name=a].image", in which "\." and "[a.b/c]" stand for keys with dots. */
export function pathParts(path: string): string[] {
  const parts = path.match(/\[[^\]]*\]|(?:\\.|[^.[\]\\])+/g) ?? [];
  return parts.map((p) => (p.startsWith('[') && !p.includes('=') ? p.slice(1, -1) : p.replaceAll('\\.', '.')));
}

/** A place that can be read and written. */
interface Spot {
  readonly value: unknown;
  readonly set: (value: unknown) => void;
}

function spotsOf(node: unknown, parts: readonly string[], create: boolean, set: (v: unknown) => void): Spot[] {
  const [part, ...rest] = parts;
  if (part === undefined) return [{ value: node, set }];
  const below = (container: Json | unknown[], key: string | number): Spot[] => {
    const c = container as Record<string | number, unknown>;
    if (c[key] === undefined && create && rest.length > 0) c[key] = rest[0]?.startsWith('[') ? [] : {};
    if (c[key] === undefined && !(create && rest.length === 0)) return [];
    return spotsOf(c[key], rest, create, (v) => {
      c[key] = v;
    });
  };
  const every = (): Spot[] =>
    Array.isArray(node)
      ? node.flatMap((_, i) => below(node, i))
      : isObject(node)
        ? Object.keys(node).flatMap((k) => below(node, k))
        : [];
  if (part === '*') return every();
  const [, key, wanted] = /^\[([^=]+)=(.*)\]$/.exec(part) ?? [];
  if (key !== undefined) {
    if (!Array.isArray(node)) return [];
    const found = node.flatMap((item, i) => (isObject(item) && String(item[key]) === wanted ? below(node, i) : []));
    if (found.length > 0 || !create) return found;
    node.push({ [key]: wanted });
    return below(node, node.length - 1);
  }
  if (Array.isArray(node)) return /^\d+$/.test(part) ? below(node, Number(part)) : [];
  return isObject(node) ? below(node, part) : [];
}

function sourceValue(resources: readonly Resource[], source: NonNullable<ReplacementEntry['source']>): unknown {
  const found = resources.filter((r) => matches(r, exact(source)));
  const [r] = found;
  if (!r || found.length > 1)
    throw new CliError(`replacements: ${found.length} objects match the source ${JSON.stringify(source)}, not one`);
  const path = source.fieldPath ?? 'metadata.name';
  const [spot] = spotsOf(r.object, pathParts(path), false, () => {});
  if (!spot)
    throw new CliError(
      `replacements: fieldPath \`${path}\` is missing for replacement source ${r.kind} ${r.metadata.name}`,
    );
  const { delimiter, index = 0 } = source.options ?? {};
  return delimiter ? (String(spot.value).split(delimiter)[index] ?? '') : spot.value;
}

/** Names in replacements are texts, not patterns. */
function exact(t: Target): Target {
  const of = (text: string | undefined): string | undefined => text?.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const { group, version, kind, name, namespace, ...others } = t;
  const given = { group: of(group), version: of(version), kind: of(kind), name: of(name), namespace: of(namespace) };
  return { ...others, ...Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined)) };
}

/** The new value of a field, of which perhaps only a part is replaced. */
function placed(old: unknown, value: unknown, o: ReplacementOptions | undefined): unknown {
  if (!o?.delimiter) return structuredClone(value);
  const parts = String(old).split(o.delimiter);
  const index = o.index ?? 0;
  if (index < 0) parts.unshift(String(value));
  else if (index >= parts.length) parts.push(String(value));
  else parts[index] = String(value);
  return parts.join(o.delimiter);
}

const asked = (t: Target): boolean => Object.values(t).some(Boolean);

function replaceOne(resources: readonly Resource[], entry: ReplacementEntry): void {
  const { source, targets = [] } = entry;
  if (!source) throw new CliError('replacements: a source is needed');
  const value = sourceValue(resources, source);
  for (const t of targets) {
    const { select, fieldPaths = ['metadata.name'] } = t;
    if (!select) throw new CliError('replacements: target must specify resources to select');
    const rejected = (r: Resource): boolean => (t.reject ?? []).some((x) => asked(x) && matches(r, exact(x)));
    for (const r of resources.filter((x) => matches(x, exact(select)) && !rejected(x))) {
      for (const path of fieldPaths) {
        const spots = spotsOf(r.object, pathParts(path), t.options?.create === true, () => {});
        if (spots.length === 0)
          throw new CliError(`unable to find field "${path}" in replacement target ${r.kind} ${r.metadata.name}`);
        for (const s of spots) s.set(placed(s.value, value, t.options));
      }
    }
  }
}

/** `replacements`: values of some fields copied to others. @throws CliError for what is not there */
export function replace(resources: readonly Resource[], entries: readonly ReplacementEntry[], locate: Locate): void {
  for (const e of entries) {
    if (!e.path) {
      replaceOne(resources, e);
      continue;
    }
    const read = documentsIn(readFileSync(locate(e.path), 'utf8'), e.path)[0] as ReplacementEntry | ReplacementEntry[];
    for (const inner of Array.isArray(read) ? read : [read]) replaceOne(resources, inner);
  }
}
