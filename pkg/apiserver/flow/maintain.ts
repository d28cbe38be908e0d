import type { Kind } from '#api/kind.ts';
import { isLevelAsFixed } from '#api/kinds/flowcontrol/mandatory.ts';
import {
  type FlowSchema,
  FlowSchemas,
  type PriorityLevelConfiguration,
  PriorityLevelConfigurations,
} from '#api/kinds/index.ts';
import { copyJson } from '#api/meta/copy.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Clock } from '#async/clock.ts';
import type { Logger } from '#process/logger.ts';
import { followCache } from '../cache/follow.ts';
import type { Resource, ResourceTable } from '../registry/resource.ts';
import type { Writer } from '../registry/writer.ts';
import type { WriteHandlers } from '../rest/write.ts';
import { systemTarget } from '../system/target.ts';
import type { FlowControl } from './control.ts';
import { MANDATORY_FLOWS, MANDATORY_LEVELS, SUGGESTED_FLOWS, SUGGESTED_LEVELS } from './defaults.ts';

export interface FlowObjectsDeps {
  readonly resources: ResourceTable;
  readonly writer: Writer;
  readonly writes: WriteHandlers;
  readonly control: FlowControl;
  readonly clock: Clock;
  readonly logger: Logger;
}

type Spec = { spec?: unknown };
type LevelSpec = NonNullable<PriorityLevelConfiguration['spec']>;
type Wanted = KubeObject & Spec;

/** Says whether the server keeps an object's spec as it suggests it. */
const AUTO_UPDATE = 'apf.kubernetes.io/autoupdate-spec';

/** Without the annotation an object is the server's as long as nobody has changed its spec. */
function isOurs({ metadata }: Stored<KubeObject>): boolean {
  const said = metadata.annotations?.[AUTO_UPDATE];
  return said === undefined ? metadata.generation === 1 : said === 'true';
}

/** The level without limits may lend others what the administrator likes. */
const isExempt = (held: KubeObject & Spec, wanted: Wanted): boolean =>
  (wanted.spec as Partial<LevelSpec>)?.type === 'Exempt' &&
  (held.spec as LevelSpec).exempt !== undefined &&
  isLevelAsFixed(wanted.spec as LevelSpec, held.spec as LevelSpec);

const DANGLING = 'Dangling';

/** The condition that tells whether the level of a flow schema exists. */
export function danglingCondition(schema: FlowSchema, exists: boolean, now: string) {
  const level = JSON.stringify(schema.spec?.priorityLevelConfiguration?.name ?? '');
  const about = `This FlowSchema references the PriorityLevelConfiguration object named ${level}`;
  const status = exists ? 'False' : 'True';
  const before = schema.status?.conditions?.find((c) => c.type === DANGLING);
  return {
    type: DANGLING,
    status,
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : now,
    reason: exists ? 'Found' : 'NotFound',
    message: exists ? `${about} and it exists` : `${about} but there is no such object`,
  };
}

/** Keeps the objects of API Priority and Fairness, and the server's use of them. */
export class FlowObjects {
  readonly #deps: FlowObjectsDeps;
  #changed = false;

  constructor(deps: FlowObjectsDeps) {
    this.#deps = deps;
  }

  #resource(kind: Kind): Resource {
    return this.#deps.resources.of(kind) as Resource;
  }

  get #schemas(): FlowSchema[] {
    return this.#resource(FlowSchemas as never)
      .cache.list('')
      .map((e) => e.object as FlowSchema);
  }

  get #levels(): PriorityLevelConfiguration[] {
    return this.#resource(PriorityLevelConfigurations as never)
      .cache.list('')
      .map((e) => e.object as PriorityLevelConfiguration);
  }

  /** Follows the objects until the signal aborts. */
  start(signal: AbortSignal): void {
    const follower = { changed: () => this.#soon(), removed: () => this.#soon() };
    for (const kind of [FlowSchemas, PriorityLevelConfigurations]) {
      followCache(this.#resource(kind as never).cache, follower, { clock: this.#deps.clock, signal });
    }
  }

  /** Once for all changes of one turn. */
  #soon(): void {
    if (this.#changed) return;
    this.#changed = true;
    queueMicrotask(() => {
      this.#changed = false;
      this.#deps.control.configure(this.#schemas, this.#levels);
      this.#report().catch((err: unknown) =>
        this.#deps.logger.info({ err }, 'the status of a flow schema was not written'),
      );
    });
  }

  /** Creates what is missing and puts right what is ours to keep. */
  async maintain(): Promise<void> {
    const all = (kind: Kind, objects: readonly KubeObject[], mandatory: boolean): Promise<void>[] =>
      objects.map((o) => this.#keep(this.#resource(kind), o as Wanted, mandatory));
    await Promise.all([
      ...all(PriorityLevelConfigurations as never, MANDATORY_LEVELS as readonly KubeObject[], true),
      ...all(PriorityLevelConfigurations as never, SUGGESTED_LEVELS as readonly KubeObject[], false),
    ]);
    await Promise.all([
      ...all(FlowSchemas as never, MANDATORY_FLOWS as readonly KubeObject[], true),
      ...all(FlowSchemas as never, SUGGESTED_FLOWS as readonly KubeObject[], false),
    ]);
    await this.#report();
  }

  async #keep(resource: Resource, wanted: Wanted, mandatory: boolean): Promise<void> {
    const name = wanted.metadata?.name ?? '';
    const target = systemTarget(resource, name);
    const held = resource.cache.get(name)?.object;
    const metadata = { name, annotations: { [AUTO_UPDATE]: 'true' } };
    if (!held) {
      await this.#deps.writer.create(target, copyJson({ metadata, spec: wanted.spec }) as KubeObject).catch(
        // Another server was first.
        (e: unknown) => {
          if (!isAlreadyExists(e)) throw e;
        },
      );
      return;
    }
    if (!mandatory && !isOurs(held)) return;
    const right = sameJson((held as Spec).spec, wanted.spec) || isExempt(held, wanted);
    if (right && held.metadata.annotations?.[AUTO_UPDATE] === 'true') return;
    await this.#deps.writes
      .change(target, (old) => {
        const annotations = { ...old.metadata.annotations, ...metadata.annotations };
        return { ...copyJson(old), metadata: { ...old.metadata, annotations }, spec: wanted.spec } as KubeObject;
      })
      .catch((e: unknown) => {
        if (!isNotFound(e) && !isConflict(e)) throw e;
      });
  }

  /** Whether each flow schema's level exists. */
  async #report(): Promise<void> {
    const names = new Set(this.#levels.map((l) => l.metadata?.name));
    const resource = this.#resource(FlowSchemas as never);
    const now = apiTime(this.#deps.clock.now());
    for (const schema of this.#schemas) {
      const exists = names.has(schema.spec?.priorityLevelConfiguration?.name);
      const condition = danglingCondition(schema, exists, now);
      if (schema.status?.conditions?.some((c) => sameJson(c, condition))) continue;
      const target = systemTarget(resource, schema.metadata?.name ?? '', '', 'status');
      const next = (old: Stored<KubeObject>): KubeObject => {
        const { conditions = [] } = (old as FlowSchema).status ?? {};
        const others = conditions.filter((c) => c.type !== DANGLING);
        // Another server may have said it already: then nothing changes.
        const said = danglingCondition(old as FlowSchema, exists, now);
        return { ...copyJson(old), status: { conditions: [...others, said] } } as KubeObject;
      };
      await this.#deps.writes.change(target, next).catch((e: unknown) => {
        if (!isNotFound(e)) throw e;
      });
    }
  }
}
