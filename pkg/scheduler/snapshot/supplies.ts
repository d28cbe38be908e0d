import type { Amounts, PodRequests } from '#api/scheduling/pod-requests.ts';

/** One resource of a node: cpu in millicores, all else in whole units. */
export interface Supply {
  readonly capacity: number;
  /** What the pods there ask for. */
  readonly requested: number;
  /** The same, with what scores assume of containers that ask for no cpu or memory. */
  readonly scored: number;
}

type Counted = { -readonly [K in keyof Supply]: Supply[K] };

const empty = (): Counted => ({ capacity: 0, requested: 0, scored: 0 });
const NONE: Supply = empty();

const isPlain = (name: string): name is 'cpu' | 'memory' => name === 'cpu' || name === 'memory';

/** Those of the resources by which a pod is scored, and what it is taken to use of them. */
export function scoredUses<R extends { readonly name: string }>(
  { amounts, scored }: PodRequests,
  resources: readonly R[],
): (R & { readonly mine: number })[] {
  const mine = (name: string): number => (isPlain(name) ? scored[name] : (amounts.get(name) ?? 0));
  return resources.map((r) => ({ ...r, mine: mine(r.name) })).filter((r) => isPlain(r.name) || r.mine > 0);
}

/**
 * What a node has and what of it is taken. Every pod is measured against hundreds of nodes, nearly always by cpu and memory
 * alone: these two are found without a look into a table.
 */
export class Supplies {
  readonly #cpu = empty();
  readonly #memory = empty();
  readonly #others = new Map<string, Counted>();

  /** The resource as it is now; one that the node does not have is all zeros. */
  of(name: string): Supply {
    if (name === 'cpu') return this.#cpu;
    if (name === 'memory') return this.#memory;
    return this.#others.get(name) ?? NONE;
  }

  /** @param capacities what is not among them is not there (any more) */
  setCapacities(capacities: Amounts): void {
    for (const s of [this.#cpu, this.#memory, ...this.#others.values()]) s.capacity = 0;
    for (const [name, n] of capacities) this.#counted(name).capacity = n;
  }

  /** A pod came (1) or went (-1). */
  count(pod: PodRequests, sign: 1 | -1): void {
    for (const [name, n] of pod.amounts) {
      const s = this.#counted(name);
      s.requested += sign * n;
      if (s !== this.#cpu && s !== this.#memory) s.scored += sign * n;
    }
    // Of these something is assumed where nothing is asked for.
    this.#cpu.scored += sign * pod.scored.cpu;
    this.#memory.scored += sign * pod.scored.memory;
  }

  #counted(name: string): Counted {
    if (name === 'cpu') return this.#cpu;
    if (name === 'memory') return this.#memory;
    const known = this.#others.get(name) ?? empty();
    this.#others.set(name, known);
    return known;
  }
}
