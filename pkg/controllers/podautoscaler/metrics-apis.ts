import { apiVersionOf } from '#api/kind.ts';
import { builtinKinds, type CrossVersionObjectReference, type MetricIdentifier } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { formatLabelSelector } from '#api/meta/labels.ts';
import { milliValue } from '#api/meta/quantity.ts';
import type { Clock } from '#async/clock.ts';
import type { Client } from '#client/types.ts';

/** What a pod's containers use, by name of container and resource, as metrics.k8s.io tells it. */
export type Usage = Readonly<Record<string, Readonly<Record<string, string>>>>;

interface PodMetrics {
  readonly items: readonly {
    metadata: { name: string };
    containers?: { name: string; usage: Record<string, string> }[];
  }[];
}
interface Values {
  readonly items?: readonly { readonly describedObject?: { readonly name?: string }; readonly value?: string }[];
}
interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const RESOURCES = '/apis/metrics.k8s.io/v1beta1';
const CUSTOM = '/apis/custom.metrics.k8s.io';
const EXTERNAL = '/apis/external.metrics.k8s.io/v1beta1';
/** Newest first. */
const CUSTOM_VERSIONS = ['v1beta2', 'v1beta1'];
/** How long it is believed which version of the custom metrics API is served, milliseconds. */
const BELIEVED_MS = 60_000;

/** What keeps a metric from being read, in Kubernetes' words. */
export class MetricError extends Error {}

const query = (parameters: Readonly<Record<string, string>>): string => {
  const text = new URLSearchParams(Object.entries(parameters).filter(([, v]) => v !== '')).toString();
  return text ? `?${text}` : '';
};
/** The series meant, as a query has it. */
export const seriesOf = ({ selector }: MetricIdentifier): string => (selector ? formatLabelSelector(selector) : '');
const path = (...parts: readonly string[]): string => parts.map(encodeURIComponent).join('/');

/** The metrics APIs: of resources (built in), custom ones and external ones (served by others through aggregation). */
export class MetricsApis {
  readonly #client: Client;
  readonly #clock: Clock;
  #custom: { readonly version: string; readonly until: number } | undefined;

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** What the pods use of resources, by pod. @param selector as the scale tells it */
  async usage(namespace: string, selector: string): Promise<ReadonlyMap<string, Usage>> {
    const list = await this.#get<PodMetrics>(
      `${RESOURCES}/namespaces/${path(namespace)}/pods${query({ labelSelector: selector })}`,
      'resource',
    );
    return new Map(
      list.items.map((i) => [i.metadata.name, Object.fromEntries((i.containers ?? []).map((c) => [c.name, c.usage]))]),
    );
  }

  /** A metric of each pod, in thousandths, by pod. */
  async ofPods(namespace: string, selector: string, metric: MetricIdentifier): Promise<ReadonlyMap<string, number>> {
    const parameters = { labelSelector: selector, metricLabelSelector: seriesOf(metric) };
    const at = `${await this.#customRoot()}/namespaces/${path(namespace)}/pods/*/${path(metric.name)}${query(parameters)}`;
    const { items = [] } = await this.#get<Values>(at, 'custom');
    if (items.length === 0) throw new MetricError('no metrics returned from custom metrics API');
    return new Map(items.map((i) => [i.describedObject?.name ?? '', milliValue(i.value ?? '0')]));
  }

  /** A metric of one object, in thousandths. */
  async ofObject(namespace: string, described: CrossVersionObjectReference, metric: MetricIdentifier): Promise<number> {
    const parameters = query({ metricLabelSelector: seriesOf(metric) });
    const where = await this.#where(namespace, described);
    const at = `${await this.#customRoot()}/${where}/${path(metric.name)}${parameters}`;
    const { items = [] } = await this.#get<Values>(at, 'custom');
    const [item] = items;
    if (item && items.length === 1) return milliValue(item.value ?? '0');
    throw new MetricError(
      `the custom metrics API server returned ${items.length} results when we asked for exactly one`,
    );
  }

  /** The sum of a metric from outside the cluster over all its series, in thousandths. */
  async external(namespace: string, metric: MetricIdentifier): Promise<number> {
    const parameters = query({ labelSelector: seriesOf(metric) });
    const at = `${EXTERNAL}/namespaces/${path(namespace, metric.name)}${parameters}`;
    const { items = [] } = await this.#get<Values>(at, 'external');
    if (items.length === 0) throw new MetricError('no metrics returned from external metrics API');
    return items.reduce((sum, i) => sum + milliValue(i.value ?? '0'), 0);
  }

  async #get<T>(at: string, api: string): Promise<T> {
    try {
      return await this.#client.raw<T>('GET', at);
    } catch (e) {
      throw new MetricError(`unable to fetch metrics from ${api} metrics API: ${(e as Error).message}`, { cause: e });
    }
  }

  async #customRoot(): Promise<string> {
    const now = this.#clock.now();
    if (!this.#custom || this.#custom.until < now) {
      const { versions = [] } = await this.#get<{ versions?: { version: string }[] }>(CUSTOM, 'custom');
      const version = CUSTOM_VERSIONS.find((v) => versions.some((served) => served.version === v));
      if (!version)
        throw new MetricError('unable to fetch metrics from custom metrics API: no known version is served');
      this.#custom = { version, until: now + BELIEVED_MS };
    }
    return `${CUSTOM}/${this.#custom.version}`;
  }

  /** Where the custom metrics API keeps the metrics of an object. */
  async #where(namespace: string, { kind, name, apiVersion = 'v1' }: CrossVersionObjectReference): Promise<string> {
    if (kind === 'Namespace' && name === namespace) return `namespaces/${path(namespace)}/metrics`;
    const [group = ''] = apiVersion.includes('/') ? apiVersion.split('/') : [];
    const resource = await this.#resource(kind, apiVersion);
    const full = group ? `${resource.name}.${group}` : resource.name;
    return resource.namespaced ? `namespaces/${path(namespace, full, name)}` : path(full, name);
  }

  async #resource(kind: string, apiVersion: string): Promise<Resource> {
    const builtin = builtinKinds.find((k) => k.kind === kind && apiVersionOf(k) === apiVersion);
    if (builtin) return { name: builtin.plural, kind, namespaced: builtin.namespaced };
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const missing = new MetricError(`no matches for kind "${kind}" in group "${apiVersion}"`);
    const { resources } = await this.#client.raw<{ resources: Resource[] }>('GET', root).catch((e: unknown) => {
      throw isNotFound(e) ? missing : e;
    });
    const found = resources.find((r) => r.kind === kind && !r.name.includes('/'));
    if (!found) throw missing;
    return found;
  }
}
