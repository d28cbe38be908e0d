import { isObject, type Json } from './resource.ts';

/**
 * Calls `visit` with each place a path leads to ("spec/template/metadata/labels"); lists on the way are gone through item
 * by item. @param create makes what is missing on the way, as maps
 */
export function eachField(
  node: unknown,
  path: string,
  create: boolean,
  visit: (parent: Json, key: string) => void,
): void {
  walk(node, path.split('/'), create, visit);
}

function walk(
  node: unknown,
  path: readonly string[],
  create: boolean,
  visit: (parent: Json, key: string) => void,
): void {
  if (Array.isArray(node)) {
    for (const item of node) walk(item, path, create, visit);
    return;
  }
  const [key, ...rest] = path;
  if (!isObject(node) || key === undefined) return;
  if (rest.length === 0) {
    if (create || node[key] !== undefined) visit(node, key);
    return;
  }
  if (create && (node[key] === undefined || node[key] === null)) node[key] = {};
  walk(node[key], rest, create, visit);
}

/** Lays pairs over the map at a path. */
export function mergeMap(node: unknown, path: string, create: boolean, pairs: Readonly<Record<string, string>>): void {
  eachField(node, path, create, (parent, key) => {
    const old = parent[key];
    parent[key] = { ...(isObject(old) ? old : {}), ...pairs };
  });
}

/** Where a kind keeps the spec of its pods; undefined for kinds without. */
export function podSpecPath(kind: string): string | undefined {
  if (kind === 'Pod') return 'spec';
  if (kind === 'CronJob') return 'spec/jobTemplate/spec/template/spec';
  return TEMPLATED.has(kind) ? 'spec/template/spec' : undefined;
}

/** Kinds with a pod template. */
export const TEMPLATED = new Set([
  'ReplicationController',
  'Deployment',
  'ReplicaSet',
  'DaemonSet',
  'StatefulSet',
  'Job',
]);
