import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { apiVersionOf, type Kind } from '#api/kind.ts';
import { errors } from '#api/meta/errors.ts';
import { systemClock } from '#async/clock.ts';
import type { RemoteVersion, RemoteVersions } from '../discovery/documents.ts';
import type { ResourceTable } from '../registry/resource.ts';
import { type Document, documentOf, sendDocument } from '../rest/document.ts';
import { JSON_TYPE, sendStatus } from '../rest/respond.ts';
import { openApiV2, openApiV3 } from './documents.ts';
import { mergeOpenApiV2 } from './merge.ts';
import { encodeOpenApiV2 } from './v2-protobuf.ts';
import { encodeOpenApiV3 } from './v3-protobuf.ts';

/** Clients also ask by an older name, with an "@" that no media type may have (RFC 6838, 4.2). */
const PROTOBUF_TYPE = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const V3_PROTOBUF_TYPE = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf';

/** The forms of a version 3 document, by what clients call them. */
const V3_FORMS: Readonly<Record<string, 'json' | 'protobuf'>> = {
  'application/json': 'json',
  'application/*': 'json',
  '*/*': 'json',
  [V3_PROTOBUF_TYPE]: 'protobuf',
  [V3_PROTOBUF_TYPE.replace('v3.v1.0', 'v3@v1.0')]: 'protobuf',
};

/** The first of the forms in an Accept header that there is. */
function v3Form(accept = '*/*'): 'json' | 'protobuf' | undefined {
  const types = accept.split(',').map((clause) => clause.split(';', 1)[0]?.trim().toLowerCase() ?? '');
  return types.map((t) => V3_FORMS[t]).find((form) => form !== undefined);
}

/** "api/v1" or "apis/apps/v1": how the v3 index names a group and version. */
const pathOf = (k: { group: string; version: string }): string =>
  k.group ? `apis/${apiVersionOf(k)}` : `api/${k.version}`;

/** Documents are built when first asked for, and again after the served kinds changed. */
class Documents {
  readonly #resources: ResourceTable;
  readonly #remotes: RemoteVersions;
  #generation = -1;
  /** Whose documents are in that of version 2. */
  #merged: readonly RemoteVersion[] = [];
  #v2: { json: Document; protobuf: Document } | undefined;
  readonly #v3 = new Map<string, Document>();

  constructor(resources: ResourceTable, remotes: RemoteVersions) {
    this.#resources = resources;
    this.#remotes = remotes;
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
    const remotes = this.#remotes().filter((r) => r.openApiV2);
    const same =
      remotes.length === this.#merged.length && remotes.every((r, i) => r.openApiV2 === this.#merged[i]?.openApiV2);
    if (!this.#v2 || !same) {
      this.#merged = remotes;
      const document = remotes.reduce(
        (all, r) => mergeOpenApiV2(all, r.openApiV2 ?? {}, `/apis/${r.group}/${r.version}/`),
        openApiV2(this.#kinds()),
      );
      this.#v2 = {
        json: documentOf(JSON.stringify(document), JSON_TYPE),
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
    const document = documentOf(JSON.stringify(openApiV3(kinds)), JSON_TYPE);
    this.#v3.set(path, document);
    return document;
  }

  /** The same document, by the same name, in binary form. Few ask for it and they keep it, so that it is not kept here. */
  v3Protobuf(path: string): Document | undefined {
    const json = this.v3(path);
    if (!json) return undefined;
    const body = (): Buffer => encodeOpenApiV3(JSON.parse(json.body.toString()));
    return {
      etag: json.etag,
      type: V3_PROTOBUF_TYPE,
      get body() {
        return body();
      },
    };
  }

  index(): unknown {
    const names = [...new Set(this.#kinds().map(pathOf))].sort();
    const hashes = new Map(names.map((p) => [p, this.v3(p)?.etag ?? '']));
    // Requests for these documents are passed on to whoever serves the group and version.
    for (const r of this.#remotes()) if (r.openApi !== undefined) hashes.set(pathOf(r), r.openApi);
    const paths = [...hashes].map(([p, hash]) => {
      const query = hash ? `?hash=${encodeURIComponent(hash)}` : '';
      return [p, { serverRelativeURL: `/openapi/v3/${p}${query}` }];
    });
    return { paths: Object.fromEntries(paths) };
  }
}

const YEAR_MS = 365 * 24 * 3600_000;

/** A client that names the contents it wants may keep them for good; one that names old ones is sent to the present ones. */
function v3(request: FastifyRequest, reply: FastifyReply, document: Document | undefined): FastifyReply {
  if (!document) return sendStatus(reply, errors.pathNotFound().status);
  const { hash } = request.query as { hash?: string };
  if (hash) {
    if (hash !== document.etag) return reply.redirect(`${request.url.split('?')[0]}?hash=${document.etag}`, 301);
    const expires = new Date(systemClock.now() + YEAR_MS).toUTCString();
    reply.header('cache-control', 'public, immutable').header('expires', expires);
  }
  return sendDocument(request, reply, document);
}

/** GET /openapi/v2 and /openapi/v3. */
export function openApiRoutes(app: FastifyInstance, resources: ResourceTable, remotes: RemoteVersions): void {
  const documents = new Documents(resources, remotes);
  app.get('/openapi/v2', (request, reply) => {
    const { json, protobuf } = documents.v2();
    return sendDocument(request, reply, request.headers.accept?.includes('proto-openapi') ? protobuf : json);
  });
  app.get('/openapi/v3', (_request, reply) => reply.type(JSON_TYPE).send(JSON.stringify(documents.index())));
  app.get<{ Params: { '*': string } }>('/openapi/v3/*', (request, reply) => {
    const path = request.params['*'];
    const form = v3Form(request.headers.accept);
    if (!form) return reply.code(406).header('vary', 'Accept').send();
    return v3(request, reply, form === 'json' ? documents.v3(path) : documents.v3Protobuf(path));
  });
}
