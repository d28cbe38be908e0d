import { expect } from 'vitest';
import type { Kind } from '#api/kind.ts';
import { waitFor } from '../../../bed/wait.ts';
import type { List, Obj, Wire } from '../http.ts';
import { collectionOf, named } from './samples.ts';

interface Table {
  readonly columnDefinitions: readonly { readonly name: string }[];
  readonly rows: readonly { readonly cells: readonly unknown[]; readonly object: Obj }[];
}

const PATCHES: Readonly<Record<string, (key: string) => unknown>> = {
  'application/json-patch+json': (key) => [{ op: 'add', path: `/metadata/annotations/${key}`, value: 'yes' }],
  'application/merge-patch+json': (key) => ({ metadata: { annotations: { [key]: 'yes' } } }),
  'application/strategic-merge-patch+json': (key) => ({ metadata: { annotations: { [key]: 'yes' } } }),
};
/** What the server itself writes to soon after the creation: it has a condition then, or has been counted. */
const JUDGED = ['customresourcedefinitions', 'apiservices', 'flowschemas', 'resourcequotas'];

/** They have a generation that nothing counts up. */
const GENERATED = ['priorityclasses'];

/** One object of a kind from its creation to its end, by every verb. */
export class Life {
  readonly #wire: Wire;
  readonly #kind: Kind;
  readonly #all: string;
  readonly #one: string;
  readonly #name: string;
  readonly #body: ReturnType<typeof named>;
  readonly #events: { type: string; object: Obj }[] = [];

  constructor(wire: Wire, kind: Kind, request: string) {
    this.#wire = wire;
    this.#kind = kind;
    this.#body = named(kind, 'life');
    if (kind.plural === 'certificatesigningrequests')
      Object.assign(this.#body, { spec: { ...((this.#body as Obj).spec as object), request } });
    Object.assign(this.#body.metadata, { labels: { contract: 'life' } });
    this.#name = this.#body.metadata.name;
    this.#all = collectionOf(kind);
    this.#one = `${this.#all}/${this.#name}`;
  }

  #get(): Promise<Obj> {
    return this.#wire.ok('GET', this.#one);
  }

  async create(): Promise<void> {
    const { metadata } = await this.#wire.ok('POST', `${this.#all}?dryRun=All`, this.#body);
    expect(metadata.uid).toBeTruthy();
    expect((await this.#wire.raw('GET', this.#one)).code).toBe(404);
    const made = await this.#wire.ask('POST', this.#all, { body: this.#body });
    expect(made.code, JSON.stringify(made.body)).toBe(201);
    expect(made.body).toMatchObject({ apiVersion: this.#body.apiVersion, kind: this.#kind.kind });
    expect(made.body.metadata.uid).not.toBe(metadata.uid);
    expect(made.body.metadata.generation).toBe(
      GENERATED.includes(this.#kind.plural) || this.#kind.hasGeneration ? 1 : undefined,
    );
    expect(made.body.metadata.managedFields?.[0]).toMatchObject({ operation: 'Update', fieldsType: 'FieldsV1' });
    const again = await this.#wire.fails('POST', this.#all, { body: this.#body });
    expect(again).toMatchObject({ code: 409, reason: 'AlreadyExists', details: { name: this.#name } });
    if (!JUDGED.includes(this.#kind.plural)) {
      expect(await this.#get()).toEqual(made.body);
      return;
    }
    const judged = ({ status }: Obj): boolean => {
      const { conditions = [], hard } = (status ?? {}) as { conditions?: object[]; hard?: object };
      return conditions.length > 0 || hard !== undefined;
    };
    await waitFor('the server has judged it', async () => judged(await this.#get()), { everyMs: 30 });
  }

  async read(): Promise<void> {
    const query = `labelSelector=contract%3Dlife&fieldSelector=metadata.name%3D${this.#name}`;
    const list = await this.#wire.ok<List>('GET', `${this.#all}?${query}`);
    expect(list.kind).toBe(`${this.#kind.kind}List`);
    expect(list.items.map((i) => i.metadata.name)).toEqual([this.#name]);
    expect((await this.#wire.ok<List>('GET', `${this.#all}?labelSelector=contract%3Dother`)).items).toEqual([]);
    const as = (form: string) => ({ headers: { accept: `application/json;as=${form};g=meta.k8s.io;v=v1` } });
    const table = await this.#wire.ok<Table & Obj>('GET', this.#one, undefined, as('Table'));
    expect(table.columnDefinitions.map((c) => c.name)).toEqual(this.#kind.columns.map((c) => c.name));
    expect(table.rows[0]?.cells.length).toBe(this.#kind.columns.length);
    expect(table.rows[0]?.object.metadata.name).toBe(this.#name);
    const partial = await this.#wire.ok('GET', this.#one, undefined, as('PartialObjectMetadata'));
    expect(Object.keys(partial).sort()).toEqual(['apiVersion', 'kind', 'metadata']);
    void this.#follow(list.metadata.resourceVersion);
  }

  async #follow(from: string): Promise<void> {
    const query = `watch=1&resourceVersion=${from}&fieldSelector=metadata.name%3D${this.#name}`;
    for await (const e of this.#wire.watch(`${this.#all}?${query}`)) {
      this.#events.push(e);
      if (e.type === 'DELETED' || e.type === 'ERROR') return;
    }
  }

  async update(): Promise<void> {
    const before = await this.#get();
    const next = { ...before, metadata: { ...before.metadata, annotations: { put: 'yes' } } };
    const put = await this.#wire.ok('PUT', this.#one, next);
    expect(put.metadata.resourceVersion).not.toBe(before.metadata.resourceVersion);
    const counted = this.#kind.countsAnnotations ? 1 : 0;
    expect((put.metadata.generation ?? 0) - (before.metadata.generation ?? 0)).toBe(counted);
    expect((await this.#wire.ok('PUT', this.#one, put)).metadata.resourceVersion).toBe(put.metadata.resourceVersion);
    const stale = await this.#wire.fails('PUT', this.#one, { body: next });
    expect(stale).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(stale.message).toContain('the object has been modified');
  }

  async patch(): Promise<void> {
    for (const [type, body] of Object.entries(PATCHES)) {
      const headers = { 'content-type': type };
      const key = type.slice('application/'.length).replace(/-.*/, '');
      await this.#wire.ok('PATCH', `${this.#one}?dryRun=All`, body('dry'), { headers });
      await this.#wire.ok('PATCH', this.#one, body(key), { headers });
    }
    const { apiVersion, kind, metadata } = this.#body;
    const applied = { apiVersion, kind, metadata: { name: metadata.name, annotations: { apply: 'yes' } } };
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const done = await this.#wire.ok('PATCH', `${this.#one}?fieldManager=contract`, applied, { headers });
    const want = { put: 'yes', json: 'yes', merge: 'yes', strategic: 'yes', apply: 'yes' };
    expect(done.metadata.annotations).toMatchObject(want);
    const owner = done.metadata.managedFields?.find((f) => f.operation === 'Apply');
    expect(owner).toMatchObject({ manager: 'contract', apiVersion });
    const other = { ...applied, metadata: { ...applied.metadata, annotations: { apply: 'no' } } };
    const conflict = await this.#wire.fails('PATCH', `${this.#one}?fieldManager=other`, { body: other, headers });
    expect(conflict).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(conflict.details?.causes?.[0]).toMatchObject({
      reason: 'FieldManagerConflict',
      field: '.metadata.annotations.apply',
    });
  }

  async status(): Promise<void> {
    if (!this.#kind.hasStatus) {
      const parts = ['finalize', 'approval', 'token'];
      if (this.#kind.subresources.some((s) => parts.includes(s))) return;
      expect((await this.#wire.raw('GET', `${this.#one}/status`)).code).toBe(404);
      return;
    }
    const before = await this.#get();
    expect(await this.#wire.ok('GET', `${this.#one}/status`)).toEqual(before);
    // What is said beside the status does not count.
    const body = { metadata: { labels: { contract: 'life' } }, spec: { nonsense: true } };
    const answer = await this.#wire.ok('PATCH', `${this.#one}/status?fieldValidation=Ignore`, body);
    expect(answer.spec).toEqual(before.spec);
  }

  async delete(): Promise<void> {
    const preconditions = { uid: 'no-such-uid' };
    const refused = await this.#wire.fails('DELETE', this.#one, { body: { preconditions } });
    expect(refused).toMatchObject({ code: 409, reason: 'Conflict' });
    await this.#wire.ok('DELETE', `${this.#one}?dryRun=All`);
    expect((await this.#wire.raw('GET', this.#one)).code).toBe(200);
    const gone = await this.#wire.ask('DELETE', this.#one);
    expect(gone.code).toBe(200);
    if (this.#kind.returnsDeleted) expect(gone.body.kind).toBe(this.#kind.kind);
    await this.#release();
    await waitFor('it is gone', async () => (await this.#wire.raw('GET', this.#one)).code === 404, { everyMs: 30 });
    expect(await this.#wire.fails('DELETE', this.#one)).toMatchObject({ code: 404, reason: 'NotFound' });
  }

  /** What controllers would do that are not there. */
  async #release(): Promise<void> {
    const left = await this.#wire.ask('GET', this.#one);
    if (left.code === 404 || this.#kind.plural === 'customresourcedefinitions') return;
    expect(left.body.metadata.deletionTimestamp).toBeTruthy();
    if (this.#kind.plural === 'namespaces') {
      await this.#wire.ok('PUT', `${this.#one}/finalize`, { ...left.body, spec: { finalizers: [] } });
    } else await this.#wire.ok('PATCH', this.#one, { metadata: { finalizers: null } });
  }

  /** The watch saw each state once, in order, and the end. */
  async watched(): Promise<void> {
    await waitFor('the end is told', () => this.#events.at(-1)?.type === 'DELETED', { everyMs: 20 });
    const types = this.#events.map((e) => e.type);
    expect(new Set(types.slice(0, -1))).toEqual(new Set(['MODIFIED']));
    const versions = this.#events.map((e) => Number(e.object.metadata.resourceVersion));
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
    expect(versions.length).toBeGreaterThanOrEqual(6);
  }
}
