import { Counter, Gauge, Registry } from 'prom-client';

/**
 * What health checks have found, for service level indicators: as it was when somebody last asked, and how often each was found
 * ("Kubernetes Component SLI Metrics").
 */
export class HealthSlis {
  readonly #registry = new Registry();
  readonly #state = new Gauge({
    name: 'kubernetes_healthcheck',
    help: 'What a health check found last: 1 is well, 0 is not.',
    labelNames: ['name', 'type'] as const,
    registers: [this.#registry],
  });
  readonly #found = new Counter({
    name: 'kubernetes_healthchecks_total',
    help: 'How often a health check found what.',
    labelNames: ['name', 'status', 'type'] as const,
    registers: [this.#registry],
  });

  /** @param type the page it was asked for: livez, readyz or healthz */
  observe(type: string, name: string, ok: boolean): void {
    this.#state.set({ name, type }, ok ? 1 : 0);
    this.#found.inc({ name, status: ok ? 'success' : 'error', type });
  }

  /** What /metrics/slis shows. */
  async page(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }
}
