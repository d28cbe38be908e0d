import type { FastifyInstance } from 'fastify';

/** A named health check; a rejection's message is shown to operators with `?verbose`. */
export type HealthChecks = Readonly<Record<string, () => Promise<void> | void>>;

async function run(
  checks: HealthChecks,
  excluded: readonly string[] = [],
): Promise<{ ok: boolean; text: string; failed: string[] }> {
  const failed: string[] = [];
  const lines = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      if (excluded.includes(name)) return `[+]${name} excluded: ok`;
      try {
        await check();
        return `[+]${name} ok`;
      } catch (e) {
        failed.push(name);
        return `[-]${name} failed: ${(e as Error).message}`;
      }
    }),
  );
  return { ok: failed.length === 0, text: lines.join('\n'), failed };
}

/** GET /livez, /readyz, /healthz and each check below them ("Kubernetes API health endpoints"). */
export function healthRoutes(app: FastifyInstance, live: HealthChecks, ready: HealthChecks): void {
  const endpoints: Record<string, HealthChecks> = { '/livez': live, '/readyz': ready, '/healthz': ready };
  for (const [path, checks] of Object.entries(endpoints)) {
    app.get<{ Querystring: { verbose?: string; exclude?: string | string[] } }>(path, async (q, reply) => {
      const result = await run(checks, [q.query.exclude ?? []].flat());
      reply.type('text/plain; charset=utf-8').code(result.ok ? 200 : 500);
      if (result.ok && q.query.verbose === undefined) return 'ok';
      return `${result.text}\n${path.slice(1)} check ${result.ok ? 'passed' : 'failed'}\n`;
    });
    app.get<{ Params: { check: string } }>(`${path}/:check`, async (q, reply) => {
      const check = checks[q.params.check];
      reply.type('text/plain; charset=utf-8');
      if (!check) return reply.code(404).send('404 page not found\n');
      const result = await run({ [q.params.check]: check });
      return reply.code(result.ok ? 200 : 500).send(result.ok ? 'ok' : `${result.text}\n`);
    });
  }
}
