import { CliError } from '../errors.ts';
import { eachField } from './fields.ts';
import type { ImageEntry } from './kustomization.ts';
import { isObject, type Resource } from './resource.ts';

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Another name, tag or digest for an image, if it is the one meant. */
export function changedImage(image: string, e: ImageEntry): string {
  const m = new RegExp(`^${escaped(e.name)}(?::([\\w.{}-]*))?(@sha256:[\\w.{}-]*)?$`).exec(image);
  if (!m) return image;
  const name = e.newName || e.name;
  const oldTag = m[1] === undefined ? '' : `:${m[1]}`;
  const oldDigest = m[2] ?? '';
  if (e.newTag && e.digest) return `${name}:${e.newTag}@${e.digest}`;
  if (e.newTag) return `${name}:${e.newTag}${e.tagSuffix ?? ''}`;
  if (e.digest) return `${name}@${e.digest}`;
  return e.tagSuffix ? `${name}${oldTag}${e.tagSuffix}` : `${name}${oldTag}${oldDigest}`;
}

/** Containers are found wherever they are, so those of custom resources count too. */
function eachContainer(node: unknown, visit: (c: { image: string }) => void): void {
  if (Array.isArray(node)) for (const item of node) eachContainer(item, visit);
  if (!isObject(node)) return;
  for (const [key, value] of Object.entries(node)) {
    if ((key === 'containers' || key === 'initContainers') && Array.isArray(value)) {
      for (const c of value) if (isObject(c) && typeof c.image === 'string') visit(c as { image: string });
    } else eachContainer(value, visit);
  }
}

/** `images` */
export function changeImages(resources: readonly Resource[], entries: readonly ImageEntry[]): void {
  for (const e of entries) {
    for (const r of resources) {
      if (r.kind === 'CustomResourceDefinition') continue;
      eachContainer(r.object, (c) => {
        c.image = changedImage(c.image, e);
      });
    }
  }
}

const SCALED = new Set(['Deployment', 'StatefulSet', 'ReplicaSet', 'ReplicationController']);

/** `replicas`. @throws CliError for a name that nothing has */
export function changeReplicas(resources: readonly Resource[], entry: { name: string; count: number }): void {
  const found = resources.filter((r) => SCALED.has(r.kind) && r.names.some((i) => i.name === entry.name));
  if (found.length === 0) throw new CliError(`replicas: there is no ${[...SCALED].join(', ')} named "${entry.name}"`);
  for (const r of found) {
    eachField(r.object, 'spec/replicas', true, (parent, key) => {
      parent[key] = entry.count;
    });
  }
}
