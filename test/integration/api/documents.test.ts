import { beforeAll, describe, expect, test } from 'vitest';
import { useCluster } from '../../bed/suite.ts';
import { waitFor } from '../../bed/wait.ts';
import { type Obj, Wire } from './http.ts';

/** What clients read before anything else, and keep: what the server serves, and how it is made. */
const cluster = useCluster('integration-documents', { apiservers: 1, without: ['scheduler', 'controller-manager'] });
let wire: Wire;
beforeAll(async () => {
  wire = await Wire.to(cluster());
});

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** As client-go asks for it. */
const V2_ASKED = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
const V3_PROTOBUF = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf';
const V3_ASKED = 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf';

interface Group {
  readonly metadata: { readonly name: string };
  readonly versions: readonly {
    readonly version: string;
    readonly freshness: string;
    readonly resources: readonly {
      readonly resource: string;
      readonly scope: string;
      readonly verbs: readonly string[];
      readonly shortNames?: readonly string[];
      readonly subresources?: readonly { readonly subresource: string }[];
    }[];
  }[];
}
const groups = async (path: string): Promise<readonly Group[]> =>
  (await wire.ok<{ items: readonly Group[] }>('GET', path, undefined, { headers: { accept: AGGREGATED } })).items;

const widgets = (name: string) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${name}s.documents.example.com` },
  spec: {
    group: 'documents.example.com',
    scope: 'Namespaced',
    names: { plural: `${name}s`, singular: name, kind: `${name[0]?.toUpperCase()}${name.slice(1)}` },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', description: 'words' } },
      },
    ],
  },
});
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

describe('discovery', () => {
  test('both forms name the same resources, with the same verbs', async () => {
    const [core, others] = await Promise.all([groups('/api'), groups('/apis')]);
    expect(core.map((g) => g.metadata.name)).toEqual(['']);
    const pods = core[0]?.versions[0]?.resources.find((r) => r.resource === 'pods');
    expect(pods).toMatchObject({ scope: 'Namespaced', shortNames: ['po'] });
    expect(pods?.subresources?.map((s) => s.subresource)).toContain('exec');
    const legacy = await wire.ok<{ groups: { name: string; versions: { groupVersion: string }[] }[] }>('GET', '/apis');
    expect(others.map((g) => g.metadata.name)).toEqual(legacy.groups.map((g) => g.name));
    for (const group of others) {
      for (const { version, freshness, resources } of group.versions) {
        expect(freshness).toBe('Current');
        const path = `/apis/${group.metadata.name}/${version}`;
        const old = await wire.ok<{ resources: { name: string; verbs: string[] }[] }>('GET', path);
        const verbs = (r: { name: string; verbs: readonly string[] }) => [r.name, [...r.verbs].sort()];
        expect(resources.map((r) => verbs({ name: r.resource, verbs: r.verbs })).sort(), path).toEqual(
          old.resources
            .filter((r) => !r.name.includes('/'))
            .map(verbs)
            .sort(),
        );
      }
    }
  });

  test('a client that has the document is told so; a new kind changes it within a second', async () => {
    const headers = { accept: AGGREGATED };
    const first = await wire.raw('GET', '/apis', { headers });
    expect(first.type).toBe(AGGREGATED);
    const again = { ...headers, 'if-none-match': first.headers.etag ?? '' };
    const same = await wire.raw('GET', '/apis', { headers: again });
    expect([same.code, same.body.length, same.headers.etag]).toEqual([304, 0, first.headers.etag]);
    await wire.ok('POST', CRDS, widgets('gadget'));
    const since = performance.now();
    await waitFor('a new document', async () => (await wire.raw('GET', '/apis', { headers: again })).code === 200, {
      everyMs: 20,
    });
    console.info(`a new kind is discovered after ${(performance.now() - since).toFixed(0)} ms`);
    await waitFor('the kind in it', async () =>
      (await groups('/apis')).find((g) => g.metadata.name === 'documents.example.com'),
    );
    // The next tests ask whichever server it is more than once.
    await wire.settled();
  });
});

describe('OpenAPI', () => {
  test('version 2 as JSON and as protobuf, kept by who has it', async () => {
    const json = await wire.raw('GET', '/openapi/v2');
    const document = JSON.parse(json.body.toString()) as { swagger: string; paths: object; definitions: object };
    expect(document.swagger).toBe('2.0');
    expect(Object.keys(document.definitions)).toContain('io.k8s.api.core.v1.Pod');
    expect(Object.keys(document.paths)).toContain('/api/v1/namespaces/{namespace}/pods/{name}');
    const protobuf = await wire.raw('GET', '/openapi/v2', { headers: { accept: V2_ASKED } });
    expect(protobuf.type).toBe(V2_PROTOBUF);
    expect(protobuf.body.includes('io.k8s.api.core.v1.Pod')).toBe(true);
    expect(protobuf.headers.etag).not.toBe(json.headers.etag);
    const headers = { 'if-none-match': json.headers.etag ?? '' };
    expect((await wire.raw('GET', '/openapi/v2', { headers })).code).toBe(304);
  });

  test('version 3: the index names the contents of each group, which may be kept for good', async () => {
    const index = await wire.ok<{ paths: Record<string, { serverRelativeURL: string }> }>('GET', '/openapi/v3');
    for (const [name, { serverRelativeURL }] of Object.entries(index.paths)) {
      const { code, headers, body } = await wire.raw('GET', serverRelativeURL);
      expect([name, code, headers['cache-control']]).toEqual([name, 200, 'public, immutable']);
      expect(serverRelativeURL).toBe(`/openapi/v3/${name}?hash=${headers.etag?.replaceAll('"', '')}`);
      expect(JSON.parse(body.toString())).toMatchObject({ openapi: '3.0.0' });
    }
    const apps = index.paths['apis/apps/v1']?.serverRelativeURL;
    const moved = await wire.raw('GET', '/openapi/v3/apis/apps/v1?hash=OLD');
    expect([moved.code, moved.headers.location]).toEqual([301, apps]);
    expect(await wire.fails('GET', '/openapi/v3/apis/nowhere/v1')).toMatchObject({ code: 404 });
  });

  test('version 3 as protobuf, by the same name; what nobody can serve is not', async () => {
    const index = await wire.ok<{ paths: Record<string, { serverRelativeURL: string }> }>('GET', '/openapi/v3');
    const url = index.paths['apis/apps/v1']?.serverRelativeURL ?? '';
    const json = await wire.raw('GET', url, { headers: { accept: 'application/json' } });
    for (const accept of [V3_PROTOBUF, V3_ASKED, `text/html, ${V3_ASKED}`]) {
      const { code, type, headers, body } = await wire.raw('GET', url, { headers: { accept } });
      expect([code, type, headers.etag, headers['cache-control'], headers.vary], accept).toEqual([
        200,
        V3_PROTOBUF,
        json.headers.etag,
        'public, immutable',
        'Accept',
      ]);
      // The version, as the first field.
      expect(body.subarray(0, 7)).toEqual(Buffer.from('\n\u00053.0.0'));
      expect(body.includes('io.k8s.api.apps.v1.Deployment')).toBe(true);
      const known = { accept, 'if-none-match': headers.etag ?? '' };
      expect((await wire.raw('GET', url, { headers: known })).code).toBe(304);
    }
    const old = await wire.raw('GET', '/openapi/v3/apis/apps/v1?hash=OLD', { headers: { accept: V3_ASKED } });
    expect([old.code, old.headers.location]).toEqual([301, url]);
    expect((await wire.raw('GET', url, { headers: { accept: 'text/html' } })).code).toBe(406);
    const nowhere = await wire.raw('GET', '/openapi/v3/apis/nowhere/v1', { headers: { accept: V3_ASKED } });
    expect(nowhere.code).toBe(404);
  });

  test('a new kind is in its group within a second, and gone with its definition', async () => {
    const name = 'gizmos.documents.example.com';
    await wire.ok('POST', CRDS, widgets('gizmo'));
    const described = async (): Promise<string | undefined> => {
      const r = await wire.raw('GET', '/openapi/v3/apis/documents.example.com/v1');
      if (r.code !== 200) return undefined;
      const { components } = JSON.parse(r.body.toString()) as {
        components: { schemas: Record<string, { description?: string }> };
      };
      return components.schemas['com.example.documents.v1.Gizmo']?.description;
    };
    await waitFor('its schema', async () => (await described()) === 'words');
    await wire.settled();
    expect(await cluster().kubectlOk(['explain', 'gizmos'])).toContain('words');
    await wire.ok<Obj>('DELETE', `${CRDS}/${name}`);
    await waitFor('no schema', async () => (await described()) === undefined);
  });
});
