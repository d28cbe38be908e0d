import { apiVersionOf } from '#api/kind.ts';
import { Deployments, type Pod, ReplicaSets, ReplicationControllers, StatefulSets } from '#api/kinds/index.ts';
import type { KubeObject, OwnerReference, Stored } from '#api/meta/objectmeta.ts';
import { discoveredResources } from '../discovered/resources.ts';
import { type ControllerDeps, type Watch, watching } from '../harness/controller.ts';
import { controllerOf, refersTo } from '../ownership/controller-ref.ts';
import { CustomScales } from './custom-scales.ts';

type Scaled = KubeObject & { readonly spec?: { readonly replicas?: number } };

/** How many pods one controller wants. */
interface Wish {
  readonly uid: string;
  readonly replicas: number;
  /** Told by a kind that is not built in, and may not be watched. */
  readonly isAsked: boolean;
}

/** How many pods there are to be. */
export interface Expected {
  readonly count: number;
  /** Pods that no controller manages are in nobody's count. */
  readonly hasUnmanaged: boolean;
  /** Some of it is to be asked again after a while. */
  readonly isAsked: boolean;
}

const KINDS = [ReplicaSets, Deployments, StatefulSets, ReplicationControllers];

/** How many pods controllers want, by the controllers themselves. */
export class Scales {
  readonly #sets;
  readonly #deployments;
  readonly #others;
  readonly #custom: CustomScales;

  /** @param onChange called with the namespace when a controller of another kind has changed of which it was asked */
  constructor(deps: ControllerDeps, onChange: (namespace: string) => void) {
    const { informers, client, clock } = deps;
    this.#sets = informers.informer(ReplicaSets);
    this.#deployments = informers.informer(Deployments);
    this.#others = [StatefulSets, ReplicationControllers].map((kind) => ({
      kind,
      lister: informers.informer<Scaled>(kind as never).lister,
    }));
    this.#custom = new CustomScales(client, clock);
    discoveredResources(deps).subscribe((kind, { metadata: { name, uid, namespace = '' } }) => {
      if (this.#custom.forget({ apiVersion: apiVersionOf(kind), kind: kind.kind, name, uid }, namespace))
        onChange(namespace);
    });
  }

  /** @param concerned keys of the budgets in a namespace that ask how many pods there shall be. */
  watches(concerned: (namespace: string | undefined) => readonly string[]): readonly Watch[] {
    return KINDS.map((k) =>
      watching<Scaled>(k as never, (o, old, gone) => {
        const resized = gone || !old || old.spec?.replicas !== o.spec?.replicas;
        return resized ? concerned(o.metadata.namespace) : [];
      }),
    );
  }

  /**
   * @param pods of one namespace
   * @throws RangeError for pods whose controller does not say how many there shall be, or what the API answers
   */
  async expected(pods: readonly Stored<Pod>[]): Promise<Expected> {
    const wishes = new Map<string, Wish>();
    let hasUnmanaged = false;
    for (const pod of pods) {
      const ref = controllerOf(pod);
      if (!ref) hasUnmanaged = true;
      if (!ref || wishes.has(ref.uid)) continue;
      const wish = await this.#wish(ref, pod.metadata.namespace ?? '');
      if (!wish) throw new RangeError(`found no controllers for pod "${pod.metadata.name}"`);
      wishes.set(wish.uid, wish);
    }
    const all = [...wishes.values()];
    const count = all.reduce((sum, w) => sum + w.replicas, 0);
    return { count, hasUnmanaged, isAsked: all.some((w) => w.isAsked) };
  }

  async #wish(ref: OwnerReference, namespace: string): Promise<Wish | undefined> {
    if (refersTo(ref, ReplicaSets)) return this.#wishOfSet(ref, namespace);
    const other = this.#others.find(({ kind }) => refersTo(ref, kind));
    if (other) return wishOf(meant(ref, other.lister.get(ref.name ?? '', namespace)));
    const replicas = await this.#custom.replicas(ref, namespace);
    return replicas === undefined ? undefined : { uid: ref.uid, replicas, isAsked: true };
  }

  /** Of a Deployment's sets none knows how many there shall be in all. */
  #wishOfSet(ref: OwnerReference, namespace: string): Wish | undefined {
    const set = meant(ref, this.#sets.lister.get(ref.name ?? '', namespace));
    const parent = set && controllerOf(set);
    const isPart = parent && refersTo(parent, Deployments);
    const deployment = isPart && meant(parent, this.#deployments.lister.get(parent.name ?? '', namespace));
    return wishOf(deployment || set);
  }
}

/** Not another one of that name. */
const meant = <T extends KubeObject>({ uid }: OwnerReference, o: Stored<T> | undefined): Stored<T> | undefined =>
  o?.metadata.uid === uid ? o : undefined;

const wishOf = (o: Stored<Scaled> | undefined): Wish | undefined =>
  o && { uid: o.metadata.uid, replicas: o.spec?.replicas ?? 1, isAsked: false };
