import type { FastifyInstance } from 'fastify';
import { type HealthPages, NOT_FOUND } from '#process/health-pages.ts';

/** GET of the server's health pages, each check below them, and what they found. */
export function healthRoutes(app: FastifyInstance, health: HealthPages): void {
  const paths = [...health.names.flatMap((name) => [`/${name}`, `/${name}/:check`]), '/metrics/slis'];
  for (const path of paths) {
    app.get(path, async ({ url }, reply) => {
      const { pathname, searchParams } = new URL(url, 'https://localhost');
      const { code, type, body } = (await health.answer(pathname.replace(/\/$/, ''), searchParams)) ?? NOT_FOUND;
      return reply.code(code).type(type).send(body);
    });
  }
}
