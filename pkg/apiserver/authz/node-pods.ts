import type { Pod } from '#api/kinds/index.ts';
import type { CacheEvent, ResourceCache } from '../cache/types.ts';

type Volume = NonNullable<NonNullable<Pod['spec']>['volumes']>[number];

/** What a pod makes its node's agent read. */
export interface References {
  readonly secrets: ReadonlySet<string>;
  readonly configmaps: ReadonlySet<string>;
  readonly persistentvolumeclaims: ReadonlySet<string>;
  readonly serviceaccounts: ReadonlySet<string>;
}

function addVolume(v: Volume, secrets: Set<string>, maps: Set<string>, claims: Set<string>, pod: string): void {
  const add = (into: Set<string>, name: string | undefined): void => void (name && into.add(name));
  add(secrets, v.secret?.secretName);
  add(maps, v.configMap?.name);
  add(claims, v.persistentVolumeClaim?.claimName);
  if (v.ephemeral) claims.add(`${pod}-${v.name}`);
  for (const s of v.projected?.sources ?? []) {
    add(secrets, s.secret?.name);
    add(maps, s.configMap?.name);
  }
  // Every other source that names a secret does so in one of these fields.
  const source = Object.values(v).find((x): x is Record<string, unknown> => typeof x === 'object' && x !== null);
  for (const key of ['secretRef', 'nodePublishSecretRef']) {
    add(secrets, (source?.[key] as { name?: string } | undefined)?.name);
  }
}

/** Names in the pod's own namespace. */
export function referencesOf(pod: Pod): References {
  const secrets = new Set<string>();
  const configmaps = new Set<string>();
  const persistentvolumeclaims = new Set<string>();
  const { spec } = pod;
  for (const s of spec?.imagePullSecrets ?? []) if (s.name) secrets.add(s.name);
  for (const v of spec?.volumes ?? []) {
    addVolume(v, secrets, configmaps, persistentvolumeclaims, pod.metadata?.name ?? '');
  }
  const containers = [
    ...(spec?.containers ?? []),
    ...(spec?.initContainers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ];
  for (const c of containers) {
    for (const e of c.envFrom ?? []) {
      if (e.secretRef?.name) secrets.add(e.secretRef.name);
      if (e.configMapRef?.name) configmaps.add(e.configMapRef.name);
    }
    for (const { valueFrom } of c.env ?? []) {
      if (valueFrom?.secretKeyRef?.name) secrets.add(valueFrom.secretKeyRef.name);
      if (valueFrom?.configMapKeyRef?.name) configmaps.add(valueFrom.configMapKeyRef.name);
    }
  }
  const serviceaccounts = new Set(spec?.serviceAccountName ? [spec.serviceAccountName] : []);
  return { secrets, configmaps, persistentvolumeclaims, serviceaccounts };
}

/** The pods of each node, kept up by the watch cache. */
export class NodePods {
  readonly #cache: ResourceCache;
  readonly #byNode = new Map<string, Map<string, Pod>>();
  #following = false;

  constructor(pods: ResourceCache) {
    this.#cache = pods;
  }

  /** Pods bound to the node, as far as this server knows. */
  on(node: string): Iterable<Pod> {
    this.#follow();
    return this.#byNode.get(node)?.values() ?? [];
  }

  /** Resolves when what was written before is known. */
  async settle(): Promise<void> {
    await this.#cache.consistent();
  }

  /** Begins with the present state; a watch that the cache ended is begun anew at the next question. */
  #follow(): void {
    if (this.#following) return;
    this.#byNode.clear();
    for (const e of this.#cache.list('')) this.#put(e.key, e.object as Pod);
    try {
      this.#cache.watch(this.#cache.revision, {
        event: (e) => this.#event(e),
        end: () => {
          this.#following = false;
        },
      });
      this.#following = true;
    } catch {
      // The cache is loading: asked again, it starts over.
    }
  }

  #event(e: CacheEvent): void {
    const before = (e.previous?.object as Pod | undefined)?.spec?.nodeName;
    if (before) this.#byNode.get(before)?.delete(e.entry.key);
    if (e.type !== 'DELETED') this.#put(e.entry.key, e.entry.object as Pod);
  }

  #put(key: string, pod: Pod): void {
    const node = pod.spec?.nodeName;
    if (!node) return;
    const pods = this.#byNode.get(node) ?? new Map<string, Pod>();
    pods.set(key, pod);
    this.#byNode.set(node, pods);
  }
}
