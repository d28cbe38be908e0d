import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { FlowControl } from './flow/control.ts';
import type { ResourceTable } from './registry/resource.ts';
import type { RequestInfo } from './request/info.ts';

/** What the API server counts. Names are those of kube-apiserver, so that existing dashboards work. */
export interface ApiMetrics {
  observe(labels: { verb: string; resource: string; code: number }, seconds: number): void;
}

/** Sets of labels that are kept; what comes on top has no resource. */
const MAX_LABELS = 5000;

export function apiMetrics(registry: Registry, watchers: () => number, flow: FlowControl): ApiMetrics {
  flowMetrics(registry, flow);
  const requests = new Counter({
    name: 'apiserver_request_total',
    help: 'Requests by verb, resource and HTTP code.',
    labelNames: ['verb', 'resource', 'code'] as const,
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'apiserver_request_duration_seconds',
    help: 'Time to answer, watches excluded.',
    labelNames: ['verb', 'resource'] as const,
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  new Gauge({
    name: 'apiserver_registered_watchers',
    help: 'Open watches.',
    registers: [registry],
    collect() {
      this.set(watchers());
    },
  });
  // Children are kept per label set: looking them up by hand is cheaper than hashing labels on every request.
  const children = new Map<string, () => void>();
  const timers = new Map<string, { observe(v: number): void }>();
  return {
    observe({ verb, resource: named, code }, seconds) {
      const resource = children.size < MAX_LABELS || children.has(`${verb} ${named} ${code}`) ? named : '';
      const id = `${verb} ${resource} ${code}`;
      let inc = children.get(id);
      if (!inc) {
        const child = requests.labels(verb, resource, String(code));
        inc = () => child.inc();
        children.set(id, inc);
      }
      inc();
      if (verb === 'watch') return;
      const key = `${verb} ${resource}`;
      let timer = timers.get(key);
      if (!timer) {
        timer = durations.labels(verb, resource);
        timers.set(key, timer);
      }
      timer.observe(seconds);
    },
  };
}

/** What metrics call the resource. Names of nothing are not kept: anybody may make up any number of them. */
export function resourceLabel(
  resources: ResourceTable,
  { group, version, resource, subresource }: RequestInfo,
): string {
  if (!resources.find(group, version, resource)) return '';
  return subresource ? `${resource}/${subresource}` : resource;
}

/** Seats taken and requests waiting at the moment, by priority level. */
function flowMetrics(registry: Registry, flow: FlowControl): void {
  const gauge = (name: string, help: string, of: 'active' | 'waiting'): void => {
    new Gauge({
      name,
      help,
      labelNames: ['priority_level'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [level, usage] of flow.usage()) this.set({ priority_level: level }, usage[of]);
      },
    });
  };
  gauge('apiserver_flowcontrol_current_executing_requests', 'Requests being carried out.', 'active');
  gauge('apiserver_flowcontrol_current_inqueue_requests', 'Requests that wait for a seat.', 'waiting');
}
