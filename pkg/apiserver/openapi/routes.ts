import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { apiVersionOf, type Kind } from '#api/kind.ts';
import { errors } from '#api/meta/errors.ts';
import type { ResourceTable } from '../registry/resource.ts';
import { sendStatus } from '../rest/respond.ts';
import { openApiV2, openApiV3 } from './documents.ts';
import { encodeOpenApiV2 } from './v2-protobuf.ts';

interface Document {
  readonly body: string | Buffer;
  readonly etag: string;
  readonly type: string;
}

const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

const documentOf = (body: string | Buffer, type = JSON_TYPE): Document => ({
  body,
  type,
  etag: createHash('sha512').update(body).digest('hex').toUpperCase(),
});

/** "api/v1" or "apis/apps/v1": how the v3 index names a group and version. */
const pathOf = (k: { group: string; version: string }): string =>
  k.group ? `apis/${apiVersionOf(k)}` : `api/${k.version}`;

/** Documents are built when first asked for, and again after the served kinds changed. */
class Documents {
  readonly #resources: ResourceTable;
  #generation = -1;
  #v2: { json: Document; protobuf: Document } | undefined;
  readonly #v3 = new Map<string, Document>();

  constructor(resources: ResourceTable) {
    this.#resources = resources;
  }

  #fresh(): void {
    if (this.#generation === this.#resources.generation) return;
    this.#generation = this.#resources.generation;
    this.#v2 = undefined;
    this.#v3.clear();
  }

  #kinds(): readonly Kind[] {
    return this.#resources.all().map((r) => r.kind);
  }

  v2(): { json: Document; protobuf: Document } {
    this.#fresh();
    if (!this.#v2) {
      const document = openApiV2(this.#kinds());
      this.#v2 = {
        json: documentOf(JSON.stringify(document)),
        protobuf: documentOf(encodeOpenApiV2(document), PROTOBUF_TYPE),
      };
    }
    return this.#v2;
  }

  v3(path: string): Document | undefined {
    this.#fresh();
    const known = this.#v3.get(path);
    if (known) return known;
    const kinds = this.#kinds().filter((k) => pathOf(k) === path);
    if (kinds.length === 0) return undefined;
    const document = documentOf(JSON.stringify(openApiV3(kinds)));
    this.#v3.set(path, document);
    return document;
  }

  index(): unknown {
    const names = [...new Set(this.#kinds().map(pathOf))].sort();
    const paths = names.map((p) => [p, { serverRelativeURL: `/openapi/v3/${p}?hash=${this.v3(p)?.etag}` }]);
    return { paths: Object.fromEntries(paths) };
  }
}

function send(request: FastifyRequest, reply: FastifyReply, document: Document | undefined): FastifyReply {
  if (!document) return sendStatus(reply, errors.pathNotFound().status);
  reply.header('etag', `"${document.etag}"`).header('vary', 'Accept');
  if (request.headers['if-none-match'] === `"${document.etag}"`) return reply.code(304).send();
  return reply.type(document.type).send(document.body);
}

/** GET /openapi/v2 and /openapi/v3. */
export function openApiRoutes(app: FastifyInstance, resources: ResourceTable): void {
  const documents = new Documents(resources);
  app.get('/openapi/v2', (request, reply) => {
    const { json, protobuf } = documents.v2();
    return send(request, reply, request.headers.accept?.includes('proto-openapi') ? protobuf : json);
  });
  app.get('/openapi/v3', (_request, reply) => reply.type('application/json').send(JSON.stringify(documents.index())));
  app.get<{ Params: { '*': string } }>('/openapi/v3/*', (request, reply) =>
    send(request, reply, documents.v3(request.params['*'])),
  );
}
