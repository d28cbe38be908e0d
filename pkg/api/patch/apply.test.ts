import { beforeEach, describe, expect, test } from 'vitest';
import { Deployments, Events, NetworkPolicies, Pods, PriorityClasses } from '../kinds/index.ts';
import type { StatusError } from '../meta/errors.ts';
import type { KubeObject, ManagedFieldsEntry } from '../meta/objectmeta.ts';
import { applyDefaults } from '../schema/defaults.ts';
import type { ObjectSchema } from '../schema/schema.ts';
import { applyPatch } from './apply.ts';
import { trackUpdate } from './managedfields/track.ts';

type Json = Record<string, unknown>;

/** A Deployment on a server: applies and updates go through the same steps as in the API server. */
class Server {
  object: (KubeObject & Json) | undefined;
  clock = 0;

  get now(): string {
    return `2026-01-01T00:00:${String(this.clock++).padStart(2, '0')}Z`;
  }
  get managers(): ManagedFieldsEntry[] {
    return this.object?.metadata?.managedFields ?? [];
  }
  owned(manager: string, operation = 'Apply'): unknown {
    return this.managers.find((e) => e.manager === manager && e.operation === operation)?.fieldsV1;
  }
  #store(object: KubeObject): void {
    applyDefaults(Deployments.schema, object);
    Deployments.defaults?.(object as never);
    this.object = object as KubeObject & Json;
  }
  apply(manager: string, fields: Json, options: { force?: boolean; subresource?: string } = {}): void {
    const { object, managedFields } = applyPatch({
      schema: Deployments.schema,
      hasStatus: true,
      live: this.object,
      managedFields: this.managers,
      applied: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, ...fields } as KubeObject,
      manager,
      force: options.force ?? false,
      apiVersion: 'apps/v1',
      subresource: options.subresource ?? '',
      now: this.now,
    });
    const old = this.object;
    object.metadata = { ...object.metadata, managedFields };
    this.#store(object);
    // The writer of the API server tracks every update, those of an apply too.
    if (old) object.metadata.managedFields = this.#tracked(manager, '', old, object);
  }
  #tracked(manager: string, subresource: string, old: KubeObject | undefined, next: KubeObject): ManagedFieldsEntry[] {
    return trackUpdate({
      schema: Deployments.schema,
      hasStatus: true,
      old,
      new: next,
      managedFields: next.metadata?.managedFields ?? [],
      manager,
      subresource,
      apiVersion: 'apps/v1',
      now: this.now,
    });
  }
  update(manager: string, change: (o: never) => void, subresource = ''): void {
    const old = this.object;
    const next = structuredClone(old ?? { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } });
    // An ordinary write takes the stored entries over as they are.
    if (old?.metadata?.managedFields && next.metadata) next.metadata.managedFields = old.metadata.managedFields;
    change(next as never);
    this.#store(next);
    next.metadata = { ...next.metadata, managedFields: this.#tracked(manager, subresource, old, next) };
  }
}

const container = (more: Json = {}): Json => ({ name: 'nginx', image: 'nginx:1.14.2', ...more });
const spec = (containers: Json[], more: Json = {}): { spec: Json } => ({
  spec: {
    selector: { matchLabels: { app: 'nginx' } },
    template: { metadata: { labels: { app: 'nginx' } }, spec: { containers } },
    ...more,
  },
});
const podSpec = (s: Server) =>
  (s.object as Json & { spec: { template: { spec: { containers: Json[] } } } }).spec.template.spec;

let server: Server;
beforeEach(() => {
  server = new Server();
});

describe('ownership', () => {
  test('an applier owns exactly what it applied, not the defaults', () => {
    server.apply('kubectl', {
      metadata: { name: 'web', labels: { team: 'a' }, annotations: {} },
      ...spec([container({ ports: [{ containerPort: 80 }], resources: {} })], { replicas: 3 }),
    });
    expect(server.managers).toHaveLength(1);
    expect(server.owned('kubectl')).toEqual({
      'f:metadata': { 'f:labels': { 'f:team': {} }, 'f:annotations': {} },
      'f:spec': {
        'f:replicas': {},
        // The selector is atomic.
        'f:selector': {},
        'f:template': {
          'f:metadata': { 'f:labels': { 'f:app': {} } },
          'f:spec': {
            'f:containers': {
              'k:{"name":"nginx"}': {
                '.': {},
                'f:name': {},
                'f:image': {},
                'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
                'f:resources': {},
              },
            },
          },
        },
      },
    });
  });

  test('applying the same again changes nothing, not even a time', () => {
    server.apply('kubectl', spec([container()]));
    const first = structuredClone(server.object);
    server.apply('kubectl', spec([container()]));
    expect(server.object).toEqual(first);
  });

  test('a changed value stays with the applier', () => {
    server.apply('kubectl', spec([container()]));
    server.apply('kubectl', spec([container({ image: 'nginx:2' })]));
    expect(server.managers).toHaveLength(1);
    expect(podSpec(server).containers[0]?.image).toBe('nginx:2');
    expect(server.managers[0]?.time).toBe('2026-01-01T00:00:01Z');
  });

  test('after an apply an ordinary write is tracked again', () => {
    server.apply('kubectl', spec([container()]));
    server.update('edit', (o: { spec: Json }) => {
      o.spec.paused = true;
    });
    expect(server.owned('edit', 'Update')).toEqual({ 'f:spec': { 'f:paused': {} } });
  });

  test('a creator owns all it set, the status through its own subresource', () => {
    server.update('kubectl-create', (o: Json) => Object.assign(o, spec([container()])));
    server.update('controller', (o: Json) => Object.assign(o, { status: { replicas: 1 } }), 'status');
    expect(server.managers.map((e) => [e.manager, e.operation, e.subresource])).toEqual([
      ['kubectl-create', 'Update', undefined],
      ['controller', 'Update', 'status'],
    ]);
    expect(server.owned('kubectl-create', 'Update')).toMatchObject({
      'f:spec': { 'f:template': { 'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } } } },
    });
    expect(server.owned('controller', 'Update')).toEqual({ 'f:status': { '.': {}, 'f:replicas': {} } });
  });

  test('generateName and ownerReferences of a new pod', () => {
    const pod = {
      metadata: {
        name: 'web-1',
        generateName: 'web-',
        uid: 'u',
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'r' }],
      },
    } as KubeObject;
    const [entry] = trackUpdate({
      schema: Pods.schema,
      hasStatus: true,
      old: undefined,
      new: pod,
      managedFields: [],
      manager: 'm',
      subresource: '',
      apiVersion: 'v1',
      now: 'T',
    });
    expect(entry?.fieldsV1).toEqual({
      'f:metadata': { 'f:generateName': {}, 'f:ownerReferences': { '.': {}, 'k:{"uid":"r"}': {} } },
    });
  });
});

describe('conflicts', () => {
  const conflict = (run: () => void): { message: string; causes: unknown } => {
    try {
      run();
    } catch (e) {
      const { status } = e as StatusError;
      expect(status).toMatchObject({ code: 409, reason: 'Conflict' });
      return { message: status.message ?? '', causes: status.details?.causes };
    }
    throw new Error('no conflict');
  };

  test('with an ordinary writer', () => {
    server.apply('kubectl', spec([container()], { replicas: 1 }));
    server.update('hpa', (o: { spec: Json }) => {
      o.spec.replicas = 5;
    });
    expect(conflict(() => server.apply('kubectl', spec([container()], { replicas: 1 })))).toEqual({
      message: 'Apply failed with 1 conflict: conflict with "hpa" using apps/v1: .spec.replicas',
      causes: [
        { reason: 'FieldManagerConflict', message: 'conflict with "hpa" using apps/v1', field: '.spec.replicas' },
      ],
    });
  });

  test('with several managers, sorted, each with its fields', () => {
    server.apply('one', spec([container()], { replicas: 1 }));
    server.update('edit', (o: { spec: Json }) => {
      o.spec.minReadySeconds = 5;
    });
    const { message } = conflict(() =>
      server.apply('two', spec([container({ image: 'x' })], { replicas: 2, minReadySeconds: 6 })),
    );
    expect(message).toBe(
      [
        'Apply failed with 3 conflicts: conflicts with "edit" using apps/v1:',
        '- .spec.minReadySeconds',
        'conflicts with "one":',
        '- .spec.template.spec.containers[name="nginx"].image',
        '- .spec.replicas',
      ].join('\n'),
    );
  });

  test('force takes the field', () => {
    server.apply('one', spec([container()], { replicas: 1 }));
    server.apply('two', { spec: { replicas: 2 } }, { force: true });
    expect(server.object).toMatchObject({ spec: { replicas: 2 } });
    expect(server.owned('one')).not.toMatchObject({ 'f:spec': { 'f:replicas': {} } });
    expect(server.owned('two')).toEqual({ 'f:spec': { 'f:replicas': {} } });
  });

  test('the same value is shared, and stays while one of them applies it', () => {
    server.apply('one', spec([container()], { replicas: 2 }));
    server.apply('two', { spec: { replicas: 2 } });
    server.apply('one', spec([container()]));
    expect(server.object).toMatchObject({ spec: { replicas: 2 } });
    expect(server.managers.map((e) => e.manager)).toEqual(['two', 'one']);
  });
});

describe('what is no longer applied', () => {
  test('goes; what others set stays', () => {
    server.apply('kubectl', {
      metadata: { name: 'web', labels: { a: '1', b: '2' } },
      ...spec([container(), container({ name: 'side' })], { minReadySeconds: 5 }),
    });
    server.update('annotator', (o: { metadata: { annotations?: Json } }) => {
      o.metadata.annotations = { x: 'y' };
    });
    server.apply('kubectl', { metadata: { name: 'web', labels: { a: '1' } }, ...spec([container()]) });
    expect(server.object?.metadata).toMatchObject({ labels: { a: '1' }, annotations: { x: 'y' } });
    expect(server.object?.metadata?.labels).not.toHaveProperty('b');
    expect(server.object?.spec).not.toHaveProperty('minReadySeconds');
    expect(podSpec(server).containers.map((c) => c.name)).toEqual(['nginx']);
  });

  test('takes the defaults below it along', () => {
    server.apply('kubectl', spec([container({ livenessProbe: { tcpSocket: { port: 80 } } })]));
    expect(podSpec(server).containers[0]?.livenessProbe).toHaveProperty('timeoutSeconds', 1);
    server.apply('kubectl', spec([container()]));
    expect(podSpec(server).containers[0]).not.toHaveProperty('livenessProbe');
  });

  test('a struct stays when somebody owns a part of it', () => {
    server.apply('kubectl', spec([container({ livenessProbe: { tcpSocket: { port: 80 } } })]));
    server.apply('other', spec([{ name: 'nginx', livenessProbe: { periodSeconds: 7 } }]), { force: true });
    server.apply('kubectl', spec([container()]));
    expect(podSpec(server).containers[0]?.livenessProbe).toMatchObject({ periodSeconds: 7 });
    expect(podSpec(server).containers[0]?.livenessProbe).not.toHaveProperty('tcpSocket');
  });

  test('the last label takes the map along', () => {
    server.apply('kubectl', { metadata: { name: 'web', labels: { a: '1' } }, ...spec([container()]) });
    server.apply('kubectl', spec([container()]));
    expect(server.object?.metadata).not.toHaveProperty('labels');
  });

  test('the only label of an object leaves its name alone', () => {
    server.apply('kubectl', { metadata: { name: 'web', labels: { team: 'a' } }, ...spec([container()]) });
    server.apply('kubectl', spec([container()]));
    expect(server.object?.metadata).toEqual({ name: 'web', managedFields: expect.anything() });
  });
});

describe('lists', () => {
  test('a port without protocol is the live one with TCP', () => {
    server.apply('kubectl', spec([container({ ports: [{ containerPort: 80 }] })]));
    server.apply('kubectl', spec([container({ ports: [{ containerPort: 80, name: 'http' }] })]));
    expect(podSpec(server).containers[0]?.ports).toEqual([{ containerPort: 80, protocol: 'TCP', name: 'http' }]);
  });

  test('the applied order counts; items of others keep their place', () => {
    server.update('create', (o: Json) =>
      Object.assign(o, spec([container({ name: 'a' }), container({ name: 'x' }), container({ name: 'b' })])),
    );
    server.apply('kubectl', spec([container({ name: 'b' }), container({ name: 'a' }), container({ name: 'c' })]));
    expect(podSpec(server).containers.map((c) => c.name)).toEqual(['b', 'a', 'x', 'c']);
  });

  test.each<[string, Json[], string]>([
    ['an item twice', [container(), container()], 'duplicate entries for key [name="nginx"]'],
    ['an item without its key', [{ image: 'x' }], 'omits key field "name"'],
  ])('%s is refused', (_name, containers, message) =>
    expect(() => server.apply('kubectl', spec(containers))).toThrow(message),
  );

  test('live duplicates (legal in env) are one value, and survive', () => {
    const env = [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ];
    server.update('create', (o: Json) => Object.assign(o, spec([container({ env })])));
    server.apply('kubectl', spec([container({ env: [{ name: 'B', value: '3' }] })]));
    expect(podSpec(server).containers[0]?.env).toEqual([...env, { name: 'B', value: '3' }]);
  });
});

test.each<[{ readonly schema: ObjectSchema }, Json, Json | undefined]>([
  [Events, { involvedObject: { name: 'p' } }, { 'f:involvedObject': {} }],
  [Events, { source: { component: 'c' } }, { 'f:source': { 'f:component': {} } }],
  [Events, { reportingComponent: 'c' }, { 'f:reportingComponent': {} }],
  [NetworkPolicies, { spec: { podSelector: {} } }, undefined],
  [
    NetworkPolicies,
    { spec: { podSelector: { matchLabels: { a: 'b' } }, ingress: [] } },
    { 'f:spec': { 'f:podSelector': {}, 'f:ingress': {} } },
  ],
  [PriorityClasses, { value: 0 }, undefined],
  [PriorityClasses, { value: 1 }, { 'f:value': {} }],
])('of a new object, what is written though it is not set belongs to nobody: %o', ({ schema }, fields, owned) => {
  const made = { metadata: { name: 'o' }, ...fields } as KubeObject;
  applyDefaults(schema, made);
  const how = {
    schema,
    hasStatus: false,
    managedFields: [],
    manager: 'm',
    subresource: '',
    apiVersion: 'v1',
    now: 'T',
  };
  expect(trackUpdate({ ...how, old: undefined, new: made })[0]?.fieldsV1).toEqual(owned);
});

test('an object without entries belongs to before-first-apply', () => {
  server.update('create', (o: Json) => Object.assign(o, spec([container()], { replicas: 1 })));
  if (server.object?.metadata) server.object.metadata.managedFields = [];
  expect(() => server.apply('kubectl', { spec: { replicas: 2 } })).toThrow(
    'conflict with "before-first-apply" using apps/v1: .spec.replicas',
  );
});

test('the annotation of client-side apply follows when kubectl applies, for nobody else', () => {
  const key = 'kubectl.kubernetes.io/last-applied-configuration';
  server.update('kubectl-client-side-apply', (o: KubeObject & Json) => {
    Object.assign(o, spec([container()], { replicas: 1 }));
    o.metadata = { name: 'web', annotations: { [key]: 'old' } };
  });
  server.apply('other', spec([container()], { replicas: 1 }));
  expect(server.object?.metadata?.annotations?.[key]).toBe('old');
  server.apply('kubectl', spec([container()], { replicas: 1 }));
  expect(JSON.parse(server.object?.metadata?.annotations?.[key] ?? '')).toMatchObject({
    kind: 'Deployment',
    spec: { replicas: 1 },
  });
});

test('the live object is never changed', () => {
  server.apply('kubectl', spec([container()], { replicas: 1 }));
  const freeze = (o: unknown): void => {
    if (typeof o !== 'object' || o === null) return;
    Object.freeze(o);
    Object.values(o).forEach(freeze);
  };
  freeze(server.object);
  server.apply('kubectl', spec([container({ image: 'y' })]));
  expect(podSpec(server).containers[0]?.image).toBe('y');
});
