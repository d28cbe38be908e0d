import type { Kind } from '#api/kind.ts';
import { type ControllerRevision, ControllerRevisions, type PodTemplateSpec } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import type { Selector } from '#api/meta/labels.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Client, Informer } from '#client/types.ts';
import { templateHash } from '../deployment/hash.ts';
import { LastWritten } from '../harness/recent-writes.ts';
import { controllerOf, controllerRefTo } from '../ownership/controller-ref.ts';
import { Family } from '../ownership/family.ts';

/** Hash of the template, on revisions and on the pods made from them. */
export const HASH_LABEL = 'controller-revision-hash';

type Revision = Stored<ControllerRevision>;

/** An owner whose templates are kept as ControllerRevisions. */
type Owner = KubeObject & {
  spec?: { template?: PodTemplateSpec; revisionHistoryLimit?: number };
  status?: { collisionCount?: number };
};

export interface History {
  /** All revisions, oldest first; the last is the one of the present template. */
  readonly all: readonly Revision[];
  readonly latest: Revision;
  readonly collisionCount: number | undefined;
}

type RevisionData = { readonly spec?: { readonly template?: object } };

/** What `kubectl rollout undo` patches an owner with: the template as a whole. */
const dataOf = (template: PodTemplateSpec | undefined): RevisionData => ({
  spec: { template: { ...structuredClone(template ?? {}), $patch: 'replace' } },
});

/** The pod template a revision holds. */
export function templateOf(r: ControllerRevision): PodTemplateSpec {
  const { $patch: _, ...template } = ((r.data as RevisionData | undefined)?.spec?.template ?? {}) as Record<
    string,
    unknown
  >;
  return structuredClone(template) as PodTemplateSpec;
}

const byNumber = (a: Revision, b: Revision): number =>
  (a.revision ?? 0) - (b.revision ?? 0) ||
  (a.metadata.creationTimestamp < b.metadata.creationTimestamp ? -1 : 1) ||
  (a.metadata.name < b.metadata.name ? -1 : 1);

/** Revisions beyond `limit` that are not in use, oldest first. Pure. */
export function surplusRevisions(all: readonly Revision[], inUse: ReadonlySet<string>, limit: number): Revision[] {
  const idle = all.filter((r) => !inUse.has(r.metadata.name));
  return idle.slice(0, Math.max(0, idle.length - limit));
}

/** Keeps the templates an owner has had as ControllerRevisions, numbered, so that it can be rolled back. */
export class Revisions<O extends Owner> {
  readonly #client: Client;
  readonly #kind: Kind<O>;
  readonly #family: Family<O, ControllerRevision>;
  readonly #written = new LastWritten<ControllerRevision>();

  constructor(o: {
    client: Client;
    ownerKind: Kind<O>;
    owners: Informer<O>;
    revisions: Informer<ControllerRevision>;
    selectorOf: (owner: Stored<O>) => Selector;
  }) {
    this.#client = o.client;
    this.#kind = o.ownerKind;
    const { revisions: children, ...rest } = o;
    this.#family = new Family({ ...rest, childKind: ControllerRevisions, children });
  }

  /** The revisions of `owner`, with one for the present template made or moved to the end if need be. */
  async sync(owner: Stored<O>): Promise<History> {
    const all = (await this.#family.claimed(owner)).map((r) => this.#written.freshest(r)).sort(byNumber);
    const data = dataOf(owner.spec?.template);
    const last = all.at(-1);
    const found = all.findLast((r) => sameJson(r.data, data));
    const { collisionCount } = owner.status ?? {};
    if (found && found === last) return { all, latest: found, collisionCount };
    const next = (last?.revision ?? 0) + 1;
    if (found) {
      const latest = await this.#renumber(found, next);
      return { all: [...all.filter((r) => r !== found), latest], latest, collisionCount };
    }
    const made = await this.#create(owner, next, collisionCount ?? 0);
    return { all: [...all, made.latest], ...made };
  }

  /** Deletes revisions nobody uses beyond the owner's `revisionHistoryLimit`. */
  async prune(owner: Stored<O>, all: readonly Revision[], inUse: ReadonlySet<string>): Promise<void> {
    for (const r of surplusRevisions(all, inUse, owner.spec?.revisionHistoryLimit ?? 10)) {
      const { name, namespace, uid } = r.metadata;
      try {
        await this.#client.delete(ControllerRevisions, name, namespace, { preconditions: { uid } });
      } catch (e) {
        if (!isNotFound(e)) throw e;
      }
      this.#family.recent.deleted(owner.metadata.uid, uid);
      this.#written.forget(uid);
    }
  }

  forget(ownerUid: string): void {
    this.#family.recent.forget(ownerUid);
  }

  /** A rollback: the revision that serves again becomes the newest. */
  async #renumber(r: Revision, revision: number): Promise<Revision> {
    const { name, namespace } = r.metadata;
    return this.#written.wrote(
      await this.#client.patch(ControllerRevisions, { name, namespace }, { type: 'merge', body: { revision } }),
    );
  }

  async #create(owner: Stored<O>, revision: number, collisions: number) {
    const { template } = owner.spec ?? {};
    const { name, namespace, uid } = owner.metadata;
    for (let collisionCount = collisions; ; collisionCount++) {
      const hash = templateHash(template ?? {}, collisionCount);
      const wanted: ControllerRevision = {
        metadata: {
          name: `${name}-${hash}`,
          namespace,
          labels: { ...template?.metadata?.labels, [HASH_LABEL]: hash },
          ownerReferences: [controllerRefTo(this.#kind, owner)],
        },
        data: dataOf(template),
        revision,
      };
      const used = collisionCount > 0 ? collisionCount : undefined;
      try {
        const latest = await this.#client.create(ControllerRevisions, wanted);
        this.#family.recent.created(uid, latest);
        return { latest, collisionCount: used };
      } catch (e) {
        if (!isAlreadyExists(e)) throw e;
        const there = await this.#client.get(ControllerRevisions, `${name}-${hash}`, namespace);
        const ours = controllerOf(there)?.uid === uid && sameJson(there.data, wanted.data);
        if (ours) return { latest: await this.#renumber(there, revision), collisionCount: used };
      }
    }
  }
}
