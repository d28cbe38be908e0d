import { type HorizontalPodAutoscaler, HorizontalPodAutoscalers, Pods } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Client } from '#client/types.ts';
import { NoScale, scaledPlural, scalePath } from '../discovered/scale.ts';
import {
  type Controller,
  type ControllerDeps,
  type Outcome,
  ownKey,
  splitKey,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { KindWrites } from '../harness/kind-writes.ts';
import { bounded, type Memory, outOfBounds, type Past } from './behavior.ts';
import { MetricReader, type Reading } from './metrics.ts';
import { MetricsApis } from './metrics-apis.ts';
import type { Caution } from './replicas.ts';
import { Selections } from './selections.ts';
import { Obstacle, StatusDraft } from './status.ts';

export interface AutoscalerSettings extends Caution {
  /** Between two looks at the metrics, milliseconds (--horizontal-pod-autoscaler-sync-period). */
  readonly syncMs: number;
  /** --horizontal-pod-autoscaler-downscale-stabilization, milliseconds. */
  readonly downscaleStabilizationMs: number;
}

/** Longest stabilization window and period there can be. */
const REMEMBER_MS = 3600_000;

type Hpa = Stored<HorizontalPodAutoscaler>;
interface Scale {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: object;
  readonly spec: { readonly replicas?: number };
  readonly status: { readonly replicas?: number; readonly selector?: string };
}

/** There is nothing to be scaled. */
const LOST = 'FailedGetScale';
const unreachable = (why: string): Obstacle => {
  const message = `the HPA controller was unable to get the target's current scale: ${why}`;
  return new Obstacle('AbleToScale', LOST, message, { reason: LOST, message: why });
};

/** Path of the target's scale subresource. @throws Obstacle for kinds that have none */
async function targetPath(client: Client, hpa: Hpa): Promise<string> {
  const { kind = '', name = '', apiVersion = '' } = hpa.spec?.scaleTargetRef ?? {};
  const target = { kind, name, apiVersion, namespace: hpa.metadata.namespace ?? '' };
  try {
    return scalePath(await scaledPlural(client, target), target);
  } catch (e) {
    throw e instanceof NoScale ? unreachable(e.message) : e;
  }
}

/** Scales what has a scale subresource by what its pods use ("Horizontal Pod Autoscaling"). */
class PodAutoscaler implements Controller {
  readonly name = 'horizontal-pod-autoscaler';
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #settings: AutoscalerSettings;
  readonly #hpas;
  readonly #pods;
  readonly #events;
  readonly #apis: MetricsApis;
  readonly #written: KindWrites<HorizontalPodAutoscaler>;
  readonly #memories = new Map<string, Memory>();
  readonly #selections = new Selections();

  constructor(deps: ControllerDeps, settings: AutoscalerSettings) {
    this.#deps = deps;
    this.#settings = settings;
    this.#apis = new MetricsApis(deps.client, deps.clock);
    this.#written = new KindWrites(deps.client, HorizontalPodAutoscalers);
    this.#hpas = deps.informers.informer(HorizontalPodAutoscalers);
    this.#pods = deps.informers.informer(Pods);
    this.#events = deps.events('horizontal-pod-autoscaler');
    this.watches = [
      watching(HorizontalPodAutoscalers, (h, old, gone) => {
        if (gone) {
          this.#memories.delete(h.metadata.uid);
          this.#written.forget(h.metadata.uid);
          this.#selections.forget(h);
        }
        return gone || (old && sameJson(old.spec, h.spec)) ? [] : ownKey(h);
      }),
      watching(Pods, () => []),
    ];
  }

  async reconcile(key: string): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const cached = this.#hpas.lister.get(name, namespace);
    if (!cached) return undefined;
    const hpa = this.#written.freshest(cached);
    const now = this.#deps.clock.now();
    const draft = new StatusDraft(hpa.status, now);
    try {
      await this.#scaled(hpa, draft, now);
    } catch (e) {
      if (!(e instanceof Obstacle)) throw e;
      this.#events.event(hpa, 'Warning', e.event.reason, e.event.message);
      if (e.reason === LOST) this.#selections.forget(hpa);
      draft.condition(e.type, false, [e.reason, e.message]);
    }
    await this.#written.status(hpa, draft.status);
    return { afterMs: this.#settings.syncMs };
  }

  async #scaled(hpa: Hpa, draft: StatusDraft, now: number): Promise<void> {
    const path = await targetPath(this.#deps.client, hpa);
    const scale = await this.#scaleAt(path);
    const current = scale.spec.replicas ?? 0;
    const seen = "the HPA controller was able to get the target's current scale";
    draft.condition('AbleToScale', true, ['SucceededGetScale', seen]);
    draft.set({ currentReplicas: current });
    // Of an autoscaler that is new here, what there is counts as advised: it waits its window before it scales down.
    if (!this.#memories.has(hpa.metadata.uid)) this.#remember(hpa, now, { advised: current, change: 0 });
    if (current === 0) {
      const message = 'scaling is disabled since the replica count of the target is zero';
      draft.condition('ScalingActive', false, ['ScalingDisabled', message]);
      draft.set({ desiredReplicas: 0 });
      return;
    }
    const beyond = outOfBounds(hpa, current);
    if (beyond) {
      await this.#scale(hpa, path, { scale, ...beyond });
      this.#remember(hpa, now, { change: beyond.replicas - current });
      draft.decided({ replicas: beyond.replicas }, true);
      return;
    }
    const { advised, metric, currentMetrics } = await this.#advised(hpa, scale, { current, now });
    const valid = `the HPA was able to successfully calculate a replica count from ${metric}`;
    draft.condition('ScalingActive', true, ['ValidMetricFound', valid]);
    const memory = this.#memory(hpa, now);
    const downSeconds = this.#settings.downscaleStabilizationMs / 1000;
    const outcome = bounded(hpa, { current, advised, memory, now, downSeconds });
    const { replicas } = outcome;
    const why = replicas > current ? `${metric} above target` : 'All metrics below target';
    if (replicas !== current) await this.#scale(hpa, path, { scale, reason: why, replicas });
    this.#remember(hpa, now, { advised, change: replicas - current });
    draft.set({ currentMetrics });
    draft.decided(outcome, replicas !== current);
  }

  async #scaleAt(path: string): Promise<Scale> {
    try {
      return await this.#deps.client.raw<Scale>('GET', path);
    } catch (e) {
      throw unreachable((e as Error).message);
    }
  }

  /** The greatest of what the metrics advise. One that cannot be read must not let the others scale down. */
  async #advised(hpa: Hpa, scale: Scale, { current, now }: { current: number; now: number }) {
    const namespace = hpa.metadata.namespace ?? '';
    const { selector: text = '', replicas: statusReplicas = current } = scale.status;
    const pods = this.#selections.podsOf(hpa, text, this.#pods.lister.list(namespace));
    const reader = new MetricReader(this.#apis, {
      ...{ namespace, selector: text, pods, current, statusReplicas, now, caution: this.#settings },
    });
    const found: Reading[] = [];
    const failures: Obstacle[] = [];
    const { metrics = [] } = hpa.spec ?? {};
    for (const metric of metrics) {
      try {
        found.push(await reader.read(metric));
      } catch (e) {
        if (!(e instanceof Obstacle)) throw e;
        failures.push(e);
      }
    }
    const most = found.reduce<Reading | undefined>((m, r) => (m && m.replicas >= r.replicas ? m : r), undefined);
    const advised = most?.replicas ?? 0;
    const [first] = failures;
    if (first && (!most || advised < current)) {
      const text = `invalid metrics (${failures.length} invalid out of ${metrics.length}), first error is: ${first.event.message}`;
      this.#events.event(hpa, 'Warning', 'FailedComputeMetricsReplicas', text);
      throw first;
    }
    return { advised, metric: most?.name ?? '', currentMetrics: found.map((f) => f.status) };
  }

  #memory(hpa: Hpa, now: number): Memory {
    const { advice = [], changes = [] } = this.#memories.get(hpa.metadata.uid) ?? {};
    const recent = (p: Past): boolean => p.at > now - REMEMBER_MS;
    return { advice: advice.filter(recent), changes: changes.filter(recent) };
  }

  /** Keeps what was advised, if anything was, and by how many replicas the target was changed. */
  #remember(hpa: Hpa, at: number, { advised, change }: { advised?: number; change: number }): void {
    const { advice, changes } = this.#memory(hpa, at);
    this.#memories.set(hpa.metadata.uid, {
      advice: advised === undefined ? advice : [...advice, { at, replicas: advised }],
      changes: change === 0 ? changes : [...changes, { at, replicas: change }],
    });
  }

  async #scale(
    hpa: Hpa,
    path: string,
    { scale, reason, replicas }: { scale: Scale; reason: string; replicas: number },
  ): Promise<void> {
    const told = `New size: ${replicas}; reason: ${reason}`;
    try {
      await this.#deps.client.raw('PUT', path, { ...scale, spec: { replicas } });
    } catch (e) {
      const { message } = e as Error;
      const unable = `the HPA controller was unable to update the target scale: ${message}`;
      throw new Obstacle('AbleToScale', 'FailedUpdateScale', unable, {
        reason: 'FailedRescale',
        message: `${told}; error: ${message}`,
      });
    }
    this.#events.event(hpa, 'Normal', 'SuccessfulRescale', told);
  }
}

export const podAutoscaler = (deps: ControllerDeps, settings: AutoscalerSettings): Controller =>
  new PodAutoscaler(deps, settings);
