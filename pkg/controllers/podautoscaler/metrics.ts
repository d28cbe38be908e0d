import type { MetricIdentifier, MetricSpec, MetricTarget } from '#api/kinds/index.ts';
import { milliValue } from '#api/meta/quantity.ts';
import { MetricError, type MetricsApis, seriesOf, type Usage } from './metrics-apis.ts';
import { type Advice, adviseByAverage, adviseByPods, adviseByUsage, adviseByValue, type Group } from './replicas.ts';
import { Obstacle, type Status } from './status.ts';

type MetricStatus = NonNullable<Status['currentMetrics']>[number];
type MetricValue = NonNullable<NonNullable<MetricStatus['object']>['current']>;

/** One metric as it was read. */
export interface Reading {
  readonly replicas: number;
  readonly status: MetricStatus;
  /** What the metric is called in events. */
  readonly name: string;
}

/** What the metrics are read for. */
export interface Subject extends Group {
  readonly namespace: string;
  /** Label selector of the pods, as the scale tells it. */
  readonly selector: string;
  /** Replicas there are, by the status of the scale. */
  readonly statusReplicas: number;
}

const milli = (n: number): string => `${n}m`;
const named = (metric: MetricIdentifier): string =>
  metric.selector ? `${metric.name}(${seriesOf(metric)})` : metric.name;

/** Reads the metrics of an autoscaler: each tells how many replicas it would take. */
export class MetricReader {
  readonly #apis: MetricsApis;
  readonly #subject: Subject;
  #usage: Promise<ReadonlyMap<string, Usage>> | undefined;

  constructor(apis: MetricsApis, subject: Subject) {
    this.#apis = apis;
    this.#subject = subject;
  }

  /** @throws Obstacle when the metric cannot be had, or says nothing */
  async read(metric: MetricSpec): Promise<Reading> {
    const [what, read] = this.#way(metric);
    try {
      return await read();
    } catch (e) {
      if (!(e instanceof MetricError) && !(e instanceof RangeError)) throw e;
      const [reason, message] = [`FailedGet${metric.type}Metric`, `failed to get ${what}: ${e.message}`];
      const unable = `the HPA was unable to compute the replica count: ${message}`;
      throw new Obstacle('ScalingActive', reason, unable, { reason, message });
    }
  }

  /** What it is called when it fails, and how it is read. */
  #way(metric: MetricSpec): readonly [string, () => Promise<Reading>] {
    const { resource, containerResource, pods, object, external } = metric;
    const ofResource = resource ?? containerResource;
    if (ofResource) {
      const kind = ofResource.target.averageUtilization === undefined ? 'resource metric value' : 'utilization';
      return [`${ofResource.name} ${kind}`, () => this.#ofResource(metric)];
    }
    if (pods) return ['pods metric value', () => this.#ofPods(pods)];
    if (object) return ['object metric value', () => this.#ofObject(object)];
    if (external) return [`${external.metric.name} external metric value`, () => this.#ofExternal(external)];
    throw new RangeError(`unknown metric source type "${metric.type}"`);
  }

  async #ofResource({ resource, containerResource: one }: MetricSpec): Promise<Reading> {
    const { namespace, selector } = this.#subject;
    this.#usage ??= this.#apis.usage(namespace, selector);
    const usage = await this.#usage;
    const { name, target } = resource ?? one ?? { name: '', target: { type: 'Value' as const } };
    const gauge = { resource: name, target, ...(one ? { container: one.container } : {}) };
    const advice = adviseByUsage(gauge, usage, this.#subject);
    const current = {
      averageValue: milli(advice.averageMilli),
      ...(advice.utilization === undefined ? {} : { averageUtilization: advice.utilization }),
    };
    const share = target.averageUtilization === undefined ? '' : ' (percentage of request)';
    const what = one ? 'container resource utilization' : 'resource utilization';
    const status: MetricStatus = one
      ? { type: 'ContainerResource', containerResource: { name, container: one.container, current } }
      : { type: 'Resource', resource: { name, current } };
    return { replicas: advice.replicas, status, name: share ? `${name} ${what}${share}` : `${name} resource` };
  }

  async #ofPods({ metric, target }: NonNullable<MetricSpec['pods']>): Promise<Reading> {
    const { namespace, selector } = this.#subject;
    const values = await this.#apis.ofPods(namespace, selector, metric);
    const advice = adviseByPods(milliValue(target.averageValue ?? '0'), values, this.#subject);
    const status: MetricStatus = {
      type: 'Pods',
      pods: { metric, current: { averageValue: milli(advice.averageMilli) } },
    };
    return { replicas: advice.replicas, status, name: `pods metric ${metric.name}` };
  }

  async #ofObject({ metric, target, describedObject }: NonNullable<MetricSpec['object']>): Promise<Reading> {
    const used = await this.#apis.ofObject(this.#subject.namespace, describedObject, metric);
    const { replicas, current } = this.#single(used, target);
    const status: MetricStatus = { type: 'Object', object: { metric, describedObject, current } };
    return { replicas, status, name: `${describedObject.kind} metric ${metric.name}` };
  }

  async #ofExternal({ metric, target }: NonNullable<MetricSpec['external']>): Promise<Reading> {
    const used = await this.#apis.external(this.#subject.namespace, metric);
    const { replicas, current } = this.#single(used, target);
    const status: MetricStatus = { type: 'External', external: { metric, current } };
    return { replicas, status, name: `external metric ${named(metric)}` };
  }

  /** One number for all pods: compared as it is, or shared out among them. */
  #single(used: number, { value, averageValue }: MetricTarget): { replicas: number; current: MetricValue } {
    if (averageValue !== undefined) {
      const advice: Advice = adviseByAverage(used, milliValue(averageValue), this.#subject);
      return { replicas: advice.replicas, current: { averageValue: milli(advice.averageMilli) } };
    }
    if (value === undefined) throw new RangeError('neither a value nor an average value is wanted');
    return { replicas: adviseByValue(used, milliValue(value), this.#subject), current: { value: milli(used) } };
  }
}
