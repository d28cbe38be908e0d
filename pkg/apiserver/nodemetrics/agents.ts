import { type Node, Nodes } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { readinessOf } from '#api/meta/readiness.ts';
import type { Clock } from '#async/clock.ts';
import { createSemaphore } from '#async/semaphore.ts';
import type { Logger } from '#process/logger.ts';
import { askBackend, type BackendTls } from '../proxy/backend.ts';
import type { ResourceTable } from '../registry/resource.ts';
import { agentOf } from '../subresources/connect.ts';

/** What an agent says of one cgroup. */
export interface Measured {
  readonly cpu?: { readonly time: string; readonly usageNanoCores?: number; readonly windowMs?: number };
  readonly memory?: { readonly workingSetBytes?: number };
}

/** The answer to `/stats/summary?only_cpu_and_memory=true` ("Node metrics data", Summary API). */
export interface NodeSummary {
  readonly node: Measured;
  readonly pods: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string; readonly uid: string };
    readonly containers?: readonly (Measured & { readonly name: string })[];
  }[];
}

export interface AgentStatsDeps {
  readonly resources: ResourceTable;
  readonly tls: BackendTls;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** An answer is given to everybody who asks within this time, milliseconds. */
const FRESH_MS = 5_000;
/** An agent that nobody has asked about before looks twice, a second apart. */
const ASK_TIMEOUT_MS = 8_000;
const PARALLEL = 32;
const MAX_BYTES = 8 << 20;
const PATH = '/stats/summary?only_cpu_and_memory=true';

interface Asked {
  readonly at: number;
  readonly answer: Promise<NodeSummary | undefined>;
}

/** Nobody waits for an agent that has stopped reporting. */
function isSilent(resources: ResourceTable, name: string): boolean {
  const node = resources.of(Nodes).cache.get(name)?.object as Node | undefined;
  return node !== undefined && readinessOf(node) === 'Unknown';
}

/**
 * What the agents measure. An agent is asked when somebody wants to know, and nobody has wanted to lately; the answers of all
 * nodes that are there are kept, nothing runs in between.
 */
export class AgentStats {
  readonly #d: AgentStatsDeps;
  readonly #places = createSemaphore(PARALLEL);
  readonly #asked = new Map<string, Asked>();

  constructor(deps: AgentStatsDeps) {
    this.#d = deps;
  }

  /** Undefined when the agent does not answer in time. */
  of(node: string): Promise<NodeSummary | undefined> {
    const now = this.#d.clock.now();
    const known = this.#asked.get(node);
    if (known && now - known.at < FRESH_MS) return known.answer;
    for (const [name, { at }] of this.#asked) {
      if (now - at < FRESH_MS) break;
      this.#asked.delete(name);
    }
    // Put at the end: the map is in the order of time.
    this.#asked.delete(node);
    const answer = this.#ask(node).catch((err: unknown) => {
      this.#d.logger.debug({ err, node }, 'the agent did not say what its node uses');
      return undefined;
    });
    this.#asked.set(node, { at: now, answer });
    return answer;
  }

  async #ask(node: string): Promise<NodeSummary> {
    const { resources, tls, clock } = this.#d;
    if (isSilent(resources, node)) throw errors.unavailable(`node ${node} is not heard of`);
    const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
    return this.#places.run(async () => {
      const target = { ...agentOf(resources, node), path: PATH, tls };
      const headers = { accept: 'application/json', connection: 'close' };
      const { response } = await askBackend(target, { method: 'GET', headers, clock, signal });
      const late = (): void => void response.destroy(new Error('no answer in time'));
      signal.addEventListener('abort', late, { once: true });
      try {
        const chunks: Buffer[] = [];
        let size = 0;
        for await (const chunk of response as AsyncIterable<Buffer>) {
          size += chunk.length;
          if (size > MAX_BYTES) throw errors.internal(`the answer of ${node} is longer than ${MAX_BYTES} bytes`);
          chunks.push(chunk);
        }
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode !== 200) throw errors.internal(`${node} answers ${response.statusCode}: ${text}`);
        return JSON.parse(text) as NodeSummary;
      } finally {
        signal.removeEventListener('abort', late);
        response.destroy();
      }
    }, signal);
  }
}
