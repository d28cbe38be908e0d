import { type Ingress, Ingresses, type Node } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import { FAMILIES } from '#api/meta/families.ts';
import { familyOf, type IpFamily } from '#api/meta/ip.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import type { Client, EventRecorder, Lister } from '#client/types.ts';
import type { Problem } from './rules/types.ts';

/** A node's addresses for the world, one of each family: the external one if it has one, else its own. */
export function addressesOf(node: Node): string[] {
  const of = (type: string, family: IpFamily) =>
    node.status?.addresses?.find((a) => a.type === type && familyOf(a.address) === family)?.address;
  return FAMILIES.flatMap((f) => of('ExternalIP', f) ?? of('InternalIP', f) ?? []);
}

const isServing = (node: Node): boolean => !node.metadata?.deletionTimestamp && isReady(node);

/**
 * Pure: the entry points of an Ingress as this instance sees them: its own addresses, and those others have put there as long
 * as their nodes are ready.
 */
export function entryPoints(
  before: Ingress['status'],
  own: readonly string[],
  nodes: Iterable<Node>,
): { ip: string }[] {
  const alive = new Set(own);
  for (const node of nodes) {
    if (isServing(node)) for (const address of addressesOf(node)) alive.add(address);
  }
  const kept = (before?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip && alive.has(ip) ? [ip] : []));
  return [...new Set([...own, ...kept])].sort().map((ip) => ({ ip }));
}

export interface ReportDeps {
  readonly client: Client;
  readonly events: EventRecorder;
}

/** Tells users about their Ingresses: where they are reached, and what is wrong with them. */
export class Reporter {
  readonly #d: ReportDeps;
  /** What was told last, by uid. */
  readonly #told = new Map<string, string>();

  constructor(deps: ReportDeps) {
    this.#d = deps;
  }

  /**
   * Tells about all of them, and forgets all others. One whose status is refused keeps nobody waiting.
   * @throws what the API said of the first status that could not be written: then call again.
   */
  async all(
    ingresses: readonly Stored<Ingress>[],
    o: {
      readonly own: readonly string[];
      readonly nodes: Pick<Lister<Node>, 'list'>;
      readonly problems: ReadonlyMap<string, readonly Problem[]>;
    },
  ): Promise<void> {
    const failures: unknown[] = [];
    for (const ingress of ingresses) {
      this.problems(ingress, o.problems.get(ingress.metadata.uid) ?? [], o.own);
      await this.status(ingress, o.own, o.nodes.list()).catch((err: unknown) => failures.push(err));
    }
    this.sweep(new Set(ingresses.map((i) => i.metadata.uid)));
    if (failures.length > 0) throw failures[0];
  }

  /** @throws what the API said, when a status could not be written: then call again. */
  async status(ingress: Stored<Ingress>, own: readonly string[], nodes: Iterable<Node>): Promise<void> {
    const wanted = entryPoints(ingress.status, own, nodes);
    if (sameJson(ingress.status?.loadBalancer?.ingress ?? [], wanted)) return;
    try {
      await this.#d.client.updateStatus(Ingresses, { ...ingress, status: { loadBalancer: { ingress: wanted } } });
    } catch (e) {
      // Another instance was quicker, or it is gone: the change comes by watch, and with it the next look.
      if (!isConflict(e) && !isNotFound(e)) throw e;
    }
  }

  /** One event for each problem that is new. The first of several instances speaks for all. */
  problems(ingress: Stored<Ingress>, found: readonly Problem[], own: readonly string[]): void {
    const speaker = ingress.status?.loadBalancer?.ingress?.[0]?.ip;
    if (speaker !== undefined && !own.includes(speaker)) return;
    const { uid } = ingress.metadata;
    const text = JSON.stringify(found);
    const before = this.#told.get(uid) ?? '[]';
    if (text === before) return;
    if (found.length === 0) this.#told.delete(uid);
    else this.#told.set(uid, text);
    const known = JSON.parse(before) as Problem[];
    for (const problem of found) {
      if (known.some((k) => sameJson(k, problem))) continue;
      this.#d.events.event(ingress, 'Warning', problem.reason, problem.message);
    }
  }

  /** Forgets all but these. */
  sweep(uids: ReadonlySet<string>): void {
    for (const uid of this.#told.keys()) if (!uids.has(uid)) this.#told.delete(uid);
  }
}
