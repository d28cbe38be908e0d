import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { documentsIn } from '../documents.ts';
import { CliError } from '../errors.ts';
import { addGenerated, generated, hashedName, type Locate } from './generators.ts';
import { type Kustomization, readKustomization } from './kustomization.ts';
import { addAnnotations, addLabels } from './labels.ts';
import { addAffixes, setNamespace, updateReferences } from './names.ts';
import { refuseTwins, sorted } from './order.ts';
import { applyPatch } from './patches.ts';
import { replace } from './replacements.ts';
import { isObject, type Json, Resource } from './resource.ts';
import { changeImages, changeReplicas } from './workloads.ts';

export interface BuildOptions {
  /** Files outside of the folder of a kustomization may be read (`--load-restrictor LoadRestrictionsNone`). */
  readonly anywhere?: boolean;
}

/** One folder of a build. */
interface Layer {
  readonly root: string;
  /** Folders this one is a part of, for those that contain themselves. */
  readonly above: readonly string[];
  readonly options: BuildOptions;
}

function locator(layer: Layer): Locate {
  return (file) => {
    const path = resolve(layer.root, file);
    if (!existsSync(path)) throw new CliError(`${join(layer.root, file)}: no such file or directory`);
    const real = realpathSync(path);
    const inside = relative(layer.root, real);
    if (!layer.options.anywhere && (inside.startsWith('..') || isAbsolute(inside)))
      throw new CliError(`security; file '${real}' is not in or below '${layer.root}'`);
    return real;
  };
}

function objectsIn(file: string): Resource[] {
  return (documentsIn(readFileSync(file, 'utf8'), file, false) as Json[]).flatMap((value) => {
    const items =
      String(value.kind ?? '').endsWith('List') && Array.isArray(value.items) ? (value.items as Json[]) : [value];
    return items.map((o) => checked(o, file));
  });
}

function checked(o: Json, file: string): Resource {
  if (!isObject(o) || !o.kind || !o.apiVersion)
    throw new CliError(`${file}: each object needs "apiVersion" and "kind"`);
  const r = new Resource(o);
  if (!r.metadata.name) throw new CliError(`${file}: ${r.kind} needs metadata.name`);
  return r;
}

/** What an entry of `resources` stands for: the objects of a file, or those another folder builds. */
function resourcesOf(entry: string, layer: Layer): Resource[] {
  if (/^([a-z]+:\/\/|git@|github\.com\/)/.test(entry))
    throw new CliError(`${entry}: cox reads files and folders of this machine only`);
  const path = resolve(layer.root, entry);
  if (!existsSync(path))
    throw new CliError(`accumulating resources from '${entry}': ${path}: no such file or directory`);
  if (statSync(path).isDirectory()) return layerOf(path, layer);
  return objectsIn(locator(layer)(entry));
}

/** Builds a folder that is part of another. */
function layerOf(folder: string, parent: Layer): Resource[] {
  const { kustomization, root } = readKustomization(folder);
  if (parent.above.includes(root)) throw new CliError(`cycle detected: ${[...parent.above, root].join(' -> ')}`);
  if (kustomization.kind === 'Component')
    throw new CliError(`${root} is a Component: name it under components, not resources`);
  return transformed([], kustomization, { ...parent, root, above: [...parent.above, root] });
}

/** What is there already, what a kustomization adds to it, and its changes to all of it. */
function transformed(given: Resource[], k: Kustomization, layer: Layer): Resource[] {
  const locate = locator(layer);
  let all = [...given, ...[...(k.bases ?? []), ...(k.resources ?? [])].flatMap((e) => resourcesOf(e, layer))];
  refuseTwins(all);
  for (const g of k.configMapGenerator ?? [])
    addGenerated(all, generated('ConfigMap', g, k.generatorOptions, locate), g.behavior);
  for (const g of k.secretGenerator ?? [])
    addGenerated(all, generated('Secret', g, k.generatorOptions, locate), g.behavior);
  for (const c of k.components ?? []) all = component(all, c, layer);
  all = changed(all, k, locate);
  updateReferences(all);
  for (const r of all) r.remember();
  refuseTwins(all);
  return all;
}

function component(all: Resource[], entry: string, layer: Layer): Resource[] {
  const { kustomization, root } = readKustomization(resolve(layer.root, entry));
  if (kustomization.kind !== 'Component')
    throw new CliError(`expected kind 'Component' for path '${entry}' but got 'Kustomization'`);
  if (layer.above.includes(root)) throw new CliError(`cycle detected: ${[...layer.above, root].join(' -> ')}`);
  return transformed(all, kustomization, { ...layer, root, above: [...layer.above, root] });
}

/** The changes of one kustomization, in kustomize's order. */
function changed(given: Resource[], k: Kustomization, locate: Locate): Resource[] {
  let all = given;
  for (const p of k.patchesStrategicMerge ?? [])
    all = applyPatch(all, p.includes('\n') ? { patch: p } : { path: p }, locate);
  for (const p of k.patches ?? []) all = applyPatch(all, p, locate);
  if (k.namespace) setNamespace(all, k.namespace);
  if (k.namePrefix || k.nameSuffix) addAffixes(all, k.namePrefix ?? '', k.nameSuffix ?? '');
  for (const l of k.labels ?? []) addLabels(all, l);
  if (k.commonLabels) addLabels(all, { pairs: k.commonLabels, includeSelectors: true });
  if (k.commonAnnotations) addAnnotations(all, k.commonAnnotations);
  for (const p of k.patchesJson6902 ?? []) all = applyPatch(all, p, locate);
  for (const r of k.replicas ?? []) changeReplicas(all, r);
  changeImages(all, k.images ?? []);
  replace(all, k.replacements ?? [], locate);
  return all;
}

/** Builds the objects a folder with a kustomization describes. @throws CliError that names the file */
export function buildFolder(folder: string, options: BuildOptions = {}): KubeObject[] {
  const { kustomization, root } = readKustomization(folder);
  const all = transformed([], kustomization, { root, above: [root], options });
  for (const r of all) if (r.needsHash) r.metadata.name = hashedName(r);
  updateReferences(all);
  return sorted(all, kustomization.sortOptions).map((r) => r.object as KubeObject);
}
