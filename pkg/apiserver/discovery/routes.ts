import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errors } from '#api/meta/errors.ts';
import { type Document, documentOf, sendDocument } from '../rest/document.ts';
import { JSON_TYPE, sendStatus } from '../rest/respond.ts';
import type { Discovery } from './documents.ts';

/** The version of aggregated discovery a client accepts, or undefined for the legacy form. */
function aggregatedVersion(request: FastifyRequest): 'v2' | 'v2beta1' | undefined {
  for (const clause of (request.headers.accept ?? '').split(',')) {
    if (!clause.includes('as=APIGroupDiscoveryList')) continue;
    const v = /(?:^|;)\s*v=(v2beta1|v2)(?:;|$)/.exec(clause.trim())?.[1];
    if (v === 'v2' || v === 'v2beta1') return v;
  }
  return undefined;
}

const found = (reply: FastifyReply, body: string | undefined): FastifyReply =>
  body === undefined ? sendStatus(reply, errors.pathNotFound().status) : reply.type(JSON_TYPE).send(body);

function root(discovery: Discovery, core: boolean, legacy: () => string) {
  // A hash of all this takes longer than to see that it is what it was.
  const sent = new Map<string, { readonly text: string; readonly document: Document }>();
  const document = (version: string): Document => {
    const text = discovery.aggregated(core, version);
    let made = sent.get(version);
    if (made?.text !== text) {
      const type = `${JSON_TYPE};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
      made = { text, document: documentOf(text, type) };
      sent.set(version, made);
    }
    return made.document;
  };
  return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const v = aggregatedVersion(request);
    if (!v) return reply.header('vary', 'Accept').type(JSON_TYPE).send(legacy());
    return sendDocument(request, reply, document(v));
  };
}

const ALWAYS = [
  'healthz',
  'livez',
  'metrics',
  'metrics/slis',
  'openapi/v2',
  'openapi/v3',
  'openid/v1/jwks',
  'readyz',
  'version',
];

/** Where there is something to be asked: the answer to GET /. */
function pathsOf(discovery: Discovery): string[] {
  const { groups } = JSON.parse(discovery.groupList()) as {
    groups: { name: string; versions: { groupVersion: string }[] }[];
  };
  const served = groups.flatMap((g) => [g.name, ...g.versions.map((v) => v.groupVersion)]).map((p) => `apis/${p}`);
  const known = ['.well-known/openid-configuration', 'api', 'api/v1', 'apis', ...served, ...ALWAYS];
  return known.map((p) => `/${p}`).sort();
}

/** GET /, /api, /apis and below, in the legacy and the aggregated form. `serverAddress` is what /api names to clients. */
export function discoveryRoutes(app: FastifyInstance, discovery: Discovery, serverAddress: string): void {
  const versions = JSON.stringify({
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  });
  app.get('/', () => ({ paths: pathsOf(discovery) }));
  app.get(
    '/api',
    root(discovery, true, () => versions),
  );
  app.get(
    '/apis',
    root(discovery, false, () => discovery.groupList()),
  );
  app.get<{ Params: { version: string } }>('/api/:version', (q, reply) =>
    found(reply, discovery.resourceList('', q.params.version)),
  );
  app.get<{ Params: { group: string } }>('/apis/:group', (q, reply) => found(reply, discovery.group(q.params.group)));
  app.get<{ Params: { group: string; version: string } }>('/apis/:group/:version', (q, reply) =>
    found(reply, discovery.resourceList(q.params.group, q.params.version)),
  );
}
