import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What one controller reports; the children are resolved once, so that a reconcile costs no label lookup. */
export interface ControllerMetrics {
  succeeded(seconds: number): void;
  failed(seconds: number): void;
  /** Read at scrape time only. */
  depth(read: () => number): void;
}

/** Reconcile counts, durations and queue depths of all controllers, in `registry`. */
export function controllerMetrics(registry: Registry): (controller: string) => ControllerMetrics {
  const total = new Counter({
    name: 'controller_reconcile_total',
    help: 'Reconciles by controller and result.',
    labelNames: ['controller', 'result'] as const,
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'controller_reconcile_duration_seconds',
    help: 'Duration of a reconcile.',
    labelNames: ['controller'] as const,
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  });
  const readers = new Map<string, () => number>();
  new Gauge({
    name: 'workqueue_depth',
    help: 'Keys waiting, by queue.',
    labelNames: ['name'] as const,
    registers: [registry],
    collect() {
      for (const [name, read] of readers) this.set({ name }, read());
    },
  });
  return (controller) => {
    const ok = total.labels({ controller, result: 'success' });
    const bad = total.labels({ controller, result: 'error' });
    const time = seconds.labels({ controller });
    return {
      succeeded: (s) => {
        ok.inc();
        time.observe(s);
      },
      failed: (s) => {
        bad.inc();
        time.observe(s);
      },
      depth: (read) => {
        readers.set(controller, read);
      },
    };
  };
}
