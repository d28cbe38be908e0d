import { Pool } from 'undici';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Clock } from '#async/clock.ts';
import { TimeoutError, timeoutSignal } from '#async/signals.ts';
import type { ExtenderConfig } from '../config/extenders.ts';
import type { Victims } from '../plugins/default-preemption.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';

/** What an extender lets pass, and what it says of the others. */
export interface Filtered {
  readonly passed: readonly NodeInfo[];
  /** Node → why not. */
  readonly failed: ReadonlyMap<string, string>;
  /** The same for nodes where preemption would not help. */
  readonly unresolvable: ReadonlyMap<string, string>;
}

/** Answers larger than this are not read, bytes. */
const MAX_ANSWER = 64 * 1024 * 1024;
/** Extenders give points from 0 to 10, plugins from 0 to 100. */
const SCALE = 10;

type Json = Readonly<Record<string, unknown>>;

/** A field of an answer; as in Go, the case of its name does not matter. */
function field(answer: unknown, name: string): unknown {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const key = Object.keys(answer).find((k) => k.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : ((answer as Json)[key] ?? undefined);
}

const messages = (answer: unknown, name: string): Map<string, string> =>
  new Map(Object.entries((field(answer, name) ?? {}) as Record<string, unknown>).map(([k, v]) => [k, String(v)]));

/** Names and amounts a pod's containers ask for or are limited to. */
function resourcesOf(pod: Pod): Set<string> {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return new Set(
    containers.flatMap(({ resources }) => [
      ...Object.keys(resources?.requests ?? {}),
      ...Object.keys(resources?.limits ?? {}),
    ]),
  );
}

/** A server that is asked while pods are scheduled ("Scheduler extender"): JSON by POST, one connection kept for each call under way. */
export class Extender {
  readonly config: ExtenderConfig;
  readonly #clock: Clock;
  readonly #pool: Pool;
  readonly #path: string;

  constructor(config: ExtenderConfig, clock: Clock) {
    this.config = config;
    this.#clock = clock;
    const { origin, pathname } = new URL(config.urlPrefix);
    const { ca, cert, key, serverName, insecure } = config.tls;
    this.#path = pathname.replace(/\/+$/, '');
    this.#pool = new Pool(origin, {
      connect: {
        ...(ca ? { ca } : {}),
        ...(cert ? { cert } : {}),
        ...(key ? { key } : {}),
        ...(serverName ? { servername: serverName } : {}),
        rejectUnauthorized: !insecure,
      },
      // The whole call has one limit, on our clock.
      ...{ headersTimeout: 0, bodyTimeout: 0, connections: 64, maxResponseSize: MAX_ANSWER },
    });
  }

  get name(): string {
    return this.config.urlPrefix;
  }

  /** Whether it is to be asked about the pod at all. */
  isFor(pod: Pod): boolean {
    const { managedResources } = this.config;
    if (managedResources.length === 0) return true;
    const wanted = resourcesOf(pod);
    return managedResources.some((r) => wanted.has(r.name));
  }

  /** @throws Error when it could not be asked, or says that something went wrong */
  async filter(pod: Stored<Pod>, nodes: readonly NodeInfo[], signal: AbortSignal): Promise<Filtered> {
    const answer = await this.#ask(this.config.filterVerb, { Pod: pod, ...this.#nodes(nodes) }, signal);
    const names = this.#passed(answer);
    const byName = new Map(nodes.map((n) => [n.name, n]));
    const passed = names.map((name) => {
      const node = byName.get(name);
      if (node) return node;
      throw new Error(
        `extender "${this.name}" claims a filtered node "${name}" which is not found in the input node list`,
      );
    });
    return {
      passed,
      failed: messages(answer, 'FailedNodes'),
      unresolvable: messages(answer, 'FailedAndUnresolvableNodes'),
    };
  }

  /** Points by node, weighted. */
  async prioritize(pod: Stored<Pod>, nodes: readonly NodeInfo[], signal: AbortSignal): Promise<Map<string, number>> {
    const answer = await this.#ask(this.config.prioritizeVerb, { Pod: pod, ...this.#nodes(nodes) }, signal);
    if (!Array.isArray(answer)) throw new Error(`extender "${this.name}" did not answer with a list of scores`);
    return new Map(
      answer.map((entry) => [
        String(field(entry, 'Host') ?? ''),
        (Number(field(entry, 'Score') ?? 0) || 0) * this.config.weight * SCALE,
      ]),
    );
  }

  /** Those of the nodes to be emptied, with their victims, that it agrees to. */
  async preempt(pod: Stored<Pod>, candidates: readonly Victims[], signal: AbortSignal): Promise<Victims[]> {
    const { nodeCacheCapable } = this.config;
    const victims = Object.fromEntries(
      candidates.map((v) => [
        v.node,
        {
          Pods: nodeCacheCapable ? v.pods.map((p) => ({ UID: p.metadata.uid })) : v.pods,
          NumPDBViolations: v.violations,
        },
      ]),
    );
    const body = { Pod: pod, [nodeCacheCapable ? 'NodeNameToMetaVictims' : 'NodeNameToVictims']: victims };
    const answer = await this.#ask(this.config.preemptVerb, body, signal);
    const left = Object.entries((field(answer, 'NodeNameToMetaVictims') ?? {}) as Record<string, unknown>);
    return left.map(([node, meta]) =>
      this.#victims(
        candidates.find((c) => c.node === node),
        node,
        meta,
      ),
    );
  }

  #victims(candidate: Victims | undefined, node: string, meta: unknown): Victims {
    if (!candidate) throw new Error(`extender "${this.name}" claims a node "${node}" that it was not asked about`);
    const uids = ((field(meta, 'Pods') ?? []) as unknown[]).map((p) => String(field(p, 'UID') ?? ''));
    const pods = candidate.pods.filter((p) => uids.includes(p.metadata.uid));
    if (pods.length < uids.length) {
      throw new Error(`extender "${this.name}" claims to preempt a pod on node "${node}" that it was not asked about`);
    }
    return { node, pods, violations: Number(field(meta, 'NumPDBViolations') ?? candidate.violations) };
  }

  /** Has it bind the pod. */
  async bind(pod: Stored<Pod>, node: string, signal: AbortSignal): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const body = { PodName: name, PodNamespace: namespace, PodUID: uid, Node: node };
    await this.#ask(this.config.bindVerb, body, signal);
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  #nodes(nodes: readonly NodeInfo[]): Json {
    if (this.config.nodeCacheCapable) return { NodeNames: nodes.map((n) => n.name) };
    return { Nodes: { apiVersion: 'v1', kind: 'NodeList', metadata: {}, items: nodes.map((n) => n.node) } };
  }

  #passed(answer: unknown): string[] {
    const names = field(answer, 'NodeNames');
    if (this.config.nodeCacheCapable && Array.isArray(names)) return names.map(String);
    const items = field(field(answer, 'Nodes'), 'items');
    if (!Array.isArray(items)) return [];
    return items.map((n) => String(field(field(n, 'metadata'), 'name') ?? ''));
  }

  async #ask(verb: string, body: Json, outer: AbortSignal): Promise<unknown> {
    const limit = timeoutSignal(this.#clock, this.config.httpTimeoutMs, outer);
    try {
      const answer = await this.#post(`${this.#path}/${verb}`, body, limit.signal);
      const error = field(answer, 'Error');
      if (error) throw new Error(String(error));
      return answer;
    } catch (e) {
      if (outer.aborted) throw e;
      const why = e instanceof TimeoutError ? `no answer within ${this.config.httpTimeoutMs} ms` : (e as Error).message;
      throw new Error(`extender "${this.name}" failed to ${verb}: ${why}`, { cause: e });
    } finally {
      limit.dispose();
    }
  }

  async #post(path: string, body: Json, signal: AbortSignal): Promise<unknown> {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const request = { path, method: 'POST', headers, body: JSON.stringify(body), signal } as const;
    const answer = await this.#pool.request(request);
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`it answered ${answer.statusCode}: ${text.slice(0, 200).trim()}`);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new Error(`its answer is not JSON: ${text.slice(0, 100)}`);
    }
  }
}
