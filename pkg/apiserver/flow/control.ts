import type { FlowSchema, PriorityLevelConfiguration } from '#api/kinds/index.ts';
import type { Clock } from '#async/clock.ts';
import type { UserInfo } from '../request/context.ts';
import type { RequestInfo } from '../request/info.ts';
import { MANDATORY_FLOWS, MANDATORY_LEVELS, SUGGESTED_FLOWS, SUGGESTED_LEVELS } from './defaults.ts';
import { type LevelLimits, PriorityLevel } from './level.ts';
import { concerns, distinguisher } from './match.ts';

/** What a request without a seat has in place of a level. */
const EXEMPT = 'exempt';
const NO_SHARES = 0;

/** Where a request belongs. */
export interface Classified {
  readonly schema: FlowSchema;
  /** Undefined: it needs no seat. */
  readonly level: PriorityLevel | undefined;
  readonly levelUid: string;
  readonly flow: string;
}

interface Flow {
  readonly schema: FlowSchema;
  readonly level: PriorityLevel | undefined;
  readonly levelUid: string;
}

const percentOf = (seats: number, percent: number | undefined): number => Math.round((seats * (percent ?? 0)) / 100);
const sharesOf = ({ spec }: PriorityLevelConfiguration): number =>
  (spec?.type === 'Exempt' ? spec.exempt?.nominalConcurrencyShares : spec?.limited?.nominalConcurrencyShares) ??
  NO_SHARES;

/** Seats of a level by its share of all. */
function limitsOf({ spec }: PriorityLevelConfiguration, seats: number, lendableOfOthers: number): LevelLimits {
  const { limitResponse, lendablePercent, borrowingLimitPercent } = spec?.limited ?? {};
  const borrowed =
    borrowingLimitPercent === undefined
      ? lendableOfOthers
      : Math.min(percentOf(seats, borrowingLimitPercent), lendableOfOthers);
  const { queues = 1, handSize = 1, queueLengthLimit = 1 } = limitResponse?.queuing ?? {};
  return {
    // However small the server, a level that has a share gets on.
    guaranteed: seats === 0 ? 0 : Math.max(1, seats - percentOf(seats, lendablePercent)),
    most: seats + borrowed,
    ...(limitResponse?.type === 'Queue' ? { queuing: { queues, handSize, queueLengthLimit } } : {}),
  };
}

const inOrder = (a: FlowSchema, b: FlowSchema): number =>
  (a.spec?.matchingPrecedence ?? 0) - (b.spec?.matchingPrecedence ?? 0) ||
  ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1);

/**
 * API Priority and Fairness: a FlowSchema says which level a request belongs to and which flow of it, a
 * PriorityLevelConfiguration how many of its requests run at a time and how the others wait. A level may take seats that
 * others lend and do not use; those that they keep for themselves are never given away.
 */
export class FlowControl {
  readonly #seats: number;
  readonly #clock: Clock;
  readonly #levels = new Map<string, PriorityLevel>();
  #flows: readonly Flow[] = [];

  /** @param seats requests carried out at a time: watches only while they begin, streams not at all */
  constructor(seats: number, clock: Clock) {
    this.#seats = seats;
    this.#clock = clock;
    this.configure([...MANDATORY_FLOWS, ...SUGGESTED_FLOWS], [...MANDATORY_LEVELS, ...SUGGESTED_LEVELS]);
  }

  /** Takes over what is configured now; what must be there is, even if it is missing. */
  configure(schemas: readonly FlowSchema[], levels: readonly PriorityLevelConfiguration[]): void {
    const missing = <T extends { metadata?: { name?: string } }>(all: readonly T[], wanted: readonly T[]): T[] =>
      wanted.filter((w) => !all.some((x) => x.metadata?.name === w.metadata?.name));
    const configured = [...levels, ...missing(levels, MANDATORY_LEVELS)];
    this.#setLevels(configured);
    const byName = new Map(configured.map((l) => [l.metadata?.name ?? '', l]));
    const known = [...schemas, ...missing(schemas, MANDATORY_FLOWS)];
    this.#flows = known.toSorted(inOrder).flatMap((schema): Flow[] => {
      const name = schema.spec?.priorityLevelConfiguration?.name ?? '';
      const level = byName.get(name);
      if (!level) return [];
      return [{ schema, level: this.#levels.get(name), levelUid: level.metadata?.uid ?? '' }];
    });
    this.#admitWaiting();
  }

  #setLevels(configured: readonly PriorityLevelConfiguration[]): void {
    const total = configured.reduce((sum, l) => sum + sharesOf(l), 0) || 1;
    const limited = configured.filter((l) => l.spec?.type === 'Limited');
    const seatsOf = (l: PriorityLevelConfiguration): number => Math.ceil((this.#seats * sharesOf(l)) / total);
    const lent = (l: PriorityLevelConfiguration): number => percentOf(seatsOf(l), l.spec?.limited?.lendablePercent);
    const allLent = limited.reduce((sum, l) => sum + lent(l), 0);
    const names = new Set(limited.map((l) => l.metadata?.name ?? ''));
    // Whoever waits in a level that is no more is let in: it cannot be told to which other one it belongs.
    for (const [name, level] of this.#levels) {
      if (names.has(name)) continue;
      level.change({ guaranteed: 0, most: 0 });
      this.#levels.delete(name);
    }
    const room = { spare: () => this.#spare(), freed: () => this.#admitWaiting() };
    for (const l of limited) {
      const name = l.metadata?.name ?? '';
      const limits = limitsOf(l, seatsOf(l), allLent - lent(l));
      const level = this.#levels.get(name);
      if (level) level.change(limits);
      else this.#levels.set(name, new PriorityLevel(limits, room, this.#clock));
    }
  }

  #spare(): boolean {
    let reserved = 0;
    for (const l of this.#levels.values()) reserved += l.reserved;
    return reserved < this.#seats;
  }

  #admitWaiting(): void {
    for (const l of this.#levels.values()) if (l.waiting > 0) l.admitWaiting();
  }

  /** The first flow schema about a request, by precedence and name, and what follows from it. */
  classify(user: UserInfo, info: RequestInfo): Classified {
    const found = this.#flows.find((f) => concerns(f.schema, user, info)) ?? this.#flows.at(-1);
    if (!found) throw new Error(`no flow schema for ${user.name}`);
    const { schema, level, levelUid } = found;
    const flow = level ? `${schema.metadata?.name}/${distinguisher(schema, user, info)}` : EXEMPT;
    return { schema, level, levelUid, flow };
  }

  /** Runs `work` when it is the request's turn. @throws StatusError 429 when that takes too long */
  async run<T>({ level, flow }: Classified, work: () => Promise<T>): Promise<T> {
    if (!level) return work();
    if (!level.tryEnter()) await level.enter(flow);
    try {
      return await work();
    } finally {
      level.leave();
    }
  }

  /** Seats taken and requests waiting, by level. */
  usage(): ReadonlyMap<string, { readonly active: number; readonly waiting: number }> {
    return this.#levels;
  }
}
