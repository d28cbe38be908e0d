import { readFileSync } from 'node:fs';
import { contentHash } from '../create/content-hash.ts';
import { envLines, isText, literalPair } from '../create/sources.ts';
import { CliError } from '../errors.ts';
import type { GeneratorEntry, GeneratorOptions } from './kustomization.ts';
import { identityText, type Json, Resource, sameIdentity } from './resource.ts';

/** How files are found: relative to the kustomization, and not outside of its folder. */
export type Locate = (file: string) => string;

function fileSource(source: string, locate: Locate): [string, Buffer] {
  const at = source.indexOf('=');
  const path = at < 0 ? source : source.slice(at + 1);
  const key = at < 0 ? (source.split('/').at(-1) ?? source) : source.slice(0, at);
  if (!key || !path) throw new CliError(`key names or file paths cannot be empty in "${source}"`);
  return [key, readFileSync(locate(path))];
}

/** All values of an entry. @throws CliError for a key given twice */
function values(g: GeneratorEntry, locate: Locate): [string, Buffer][] {
  const envs = [...(g.envs ?? []), ...(g.env ? [g.env] : [])];
  const all = [
    ...envs.flatMap((f) => envLines(readFileSync(locate(f)), f)),
    ...(g.files ?? []).map((f) => fileSource(f, locate)),
    ...(g.literals ?? []).map(literalPair),
  ];
  const seen = new Set<string>();
  for (const [key] of all) {
    if (seen.has(key)) throw new CliError(`configmap illegally repeats the key \`${key}\``);
    seen.add(key);
  }
  return all;
}

function metadataOf(g: GeneratorEntry, o: GeneratorOptions): Json {
  const filled = (m: Record<string, string> | undefined): boolean => Object.keys(m ?? {}).length > 0;
  return {
    name: g.name,
    ...(g.namespace ? { namespace: g.namespace } : {}),
    ...(filled(o.labels) ? { labels: o.labels } : {}),
    ...(filled(o.annotations) ? { annotations: o.annotations } : {}),
  };
}

const mapOf = (pairs: readonly [string, Buffer][], text: (b: Buffer) => string): Record<string, string> =>
  Object.fromEntries(pairs.map(([k, v]) => [k, text(v)]));

/** The object a generator entry describes. */
export function generated(
  kind: 'ConfigMap' | 'Secret',
  g: GeneratorEntry,
  common: GeneratorOptions | undefined,
  locate: Locate,
): Resource {
  if (!g.name) throw new CliError(`a ${kind === 'Secret' ? 'secretGenerator' : 'configMapGenerator'} needs a name`);
  const o: GeneratorOptions = {
    ...common,
    ...g.options,
    labels: { ...common?.labels, ...g.options?.labels },
    annotations: { ...common?.annotations, ...g.options?.annotations },
  };
  const all = values(g, locate);
  const base64 = (b: Buffer): string => b.toString('base64');
  const texts = all.filter(([, v]) => isText(v));
  const binary = all.filter(([, v]) => !isText(v));
  const content: Json =
    kind === 'Secret'
      ? { data: mapOf(all, base64), type: g.type || 'Opaque' }
      : {
          ...(texts.length > 0 ? { data: mapOf(texts, (b) => b.toString('utf8')) } : {}),
          ...(binary.length > 0 ? { binaryData: mapOf(binary, base64) } : {}),
        };
  const immutable = o.immutable ? { immutable: true } : {};
  const object = { apiVersion: 'v1', kind, metadata: metadataOf(g, o), ...content, ...immutable };
  return new Resource(object, o.disableNameSuffixHash !== true);
}

const merged = (a: unknown, b: unknown): Json => ({ ...(a as Json | undefined), ...(b as Json | undefined) });

/** Adds a generated object to those there are, or lays it over the one of its name. @throws CliError */
export function addGenerated(resources: Resource[], made: Resource, behavior: string | undefined): void {
  const at = resources.findIndex((r) => r.names.some((i) => sameIdentity(i, made.identity)));
  const old = resources[at];
  if (behavior !== 'merge' && behavior !== 'replace') {
    if (old) throw new CliError(`behavior must be merge or replace: ${identityText(made.identity)} is there already`);
    resources.push(made);
    return;
  }
  if (!old) throw new CliError(`id ${identityText(made.identity)} does not exist; cannot merge or replace`);
  const metadata: Json = { ...old.metadata };
  for (const key of ['labels', 'annotations'] as const) {
    const both = merged(old.metadata[key], made.metadata[key]);
    if (Object.keys(both).length > 0) metadata[key] = both;
  }
  const content = { ...made.object };
  for (const key of ['data', 'binaryData']) {
    const both = behavior === 'merge' ? merged(old.object[key], made.object[key]) : made.object[key];
    if (Object.keys((both as Json | undefined) ?? {}).length > 0) content[key] = both;
  }
  old.object = { ...content, metadata };
  // Once a layer has said that the name stays as it is, it does.
  old.needsHash &&= made.needsHash;
}

/** The name of a generated object with a hash of its content. */
export function hashedName(r: Resource): string {
  const { kind, data, binaryData, stringData, type } = r.object;
  // Kustomize leaves the name out of what it hashes, unlike `create --append-hash`.
  const name = '';
  const content =
    kind === 'Secret'
      ? { data: data ?? '', kind, name, ...(stringData ? { stringData } : {}), type: type ?? '' }
      : { ...(binaryData ? { binaryData } : {}), data: data ?? '', kind, name };
  return `${r.metadata.name}-${contentHash(content)}`;
}
