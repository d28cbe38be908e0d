import { test as property } from '@fast-check/vitest';
import { beforeAll, expect } from 'vitest';
import { type CertificateSigningRequest, CertificateSigningRequests, type Node, Nodes } from '#api/kinds/index.ts';
import { apiTime } from '#api/meta/time.ts';
import type { Client } from '#client/types.ts';
import { createAuthority } from '#pki/issue.ts';
import { createRequest } from '#pki/request.ts';
import type { Write } from '../fake-api.ts';
import { FATES, FakeProcess, pick, walks } from '../fake-process.ts';
import { NOW } from '../fixtures.ts';
import type { ControllerDeps } from '../harness/controller.ts';
import { certificateApproving, certificateCleaner, certificateSigning, type SigningAuthority } from './controller.ts';
import { CLIENT_SIGNER, endOf, holds, NODE_SIGNER, type Request, SERVING_SIGNER } from './policy.ts';

const HOUR = 3600_000;
/** Milliseconds. */
const PASSING: readonly [number, ...number[]] = [5000, 600_000, HOUR + 1000, 12 * HOUR];
const NAMES = ['r0', 'r1', 'r2'] as const;
/** What is asked for: by a node for itself or for its server, by a person, for a node in a wrong group, and nonsense. */
const SORTS = ['node', 'person', 'server', 'node', 'wrong', 'server', 'nonsense'] as const;
type Sort = (typeof SORTS)[number];
const SIGNERS: Readonly<Partial<Record<Sort, string>>> = { person: CLIENT_SIGNER, server: SERVING_SIGNER };
/** Of the node that asks. */
const ADDRESS = '192.0.2.1';
/** So long a node may take to tell its addresses, milliseconds; then a person has to look. */
const PATIENCE = 600_000;
const isSort = (r: Request, ...sorts: readonly Sort[]): boolean => sorts.some((s) => r.metadata.uid.startsWith(s));

const pems = new Map<Sort, string>([['nonsense', 'nonsense']]);
let authority: SigningAuthority;

beforeAll(async () => {
  const wanted = {
    node: { commonName: 'system:node:n', organizations: ['system:nodes'] },
    server: { commonName: 'system:node:n', organizations: ['system:nodes'], hosts: ['n', ADDRESS] },
    person: { commonName: 'jane' },
    wrong: { commonName: 'system:node:n', organizations: ['others'] },
  };
  for (const [sort, subject] of Object.entries(wanted)) pems.set(sort as Sort, (await createRequest(subject)).request);
  authority = await createAuthority('walk', NOW);
});

type Deed = 'ask' | 'approve' | 'deny' | 'remove' | 'again' | 'right' | 'node' | 'time' | 'begin' | 'stale';
const DEEDS: Readonly<Record<Deed, number>> = {
  ...{ ask: 7, approve: 4, deny: 3, remove: 1, again: 2, right: 1, node: 3, time: 2, begin: 5, stale: 4 },
};

/** Those who ask and those who decide, around the controllers. */
class Scene {
  readonly broken = new Set<string>();
  readonly run: FakeProcess;
  #serial = 0;
  #isAllowed = true;
  /** When the right was last there: a moment of the API. */
  #allowedAt = 0;
  /** Whether the node has ever told its address. */
  #isNamed = false;

  constructor() {
    const served = (deps: ControllerDeps): ControllerDeps => {
      const own = {
        ...deps.client,
        create: async () => ({ status: { allowed: this.#isAllowed } }),
        raw: (_method: string, _path: string, o: Request) => deps.client.updateStatus(CertificateSigningRequests, o),
      };
      return { ...deps, client: own as unknown as Client };
    };
    this.run = new FakeProcess(
      [CertificateSigningRequests, Nodes],
      (deps) => certificateApproving(served(deps)),
      (deps) => certificateSigning(served(deps), { client: authority, serving: authority, longestMs: HOUR }),
      (deps) => certificateCleaner(served(deps)),
    );
    this.run.api.judge = ({ by, old, next }) => this.#judge(by, old as Request, next as Request | undefined);
  }

  get requests(): Request[] {
    return this.run.api.list(CertificateSigningRequests);
  }

  #judge(by: Write['by'], old: Request, next: Request | undefined): void {
    const wrong = (what: string): void => void this.broken.add(`${old.metadata.uid} was ${what}`);
    if (!next) {
      if (endOf(old) > this.run.clock.now()) wrong('removed too early');
      return;
    }
    if (holds(next, 'Approved') && !holds(old, 'Approved')) {
      const isAllowed = this.#isAllowed || this.#allowedAt >= by.since;
      if (isSort(old, 'server') && !this.#isNamed) wrong("approved for an address that is not the node's");
      if (!isSort(old, 'node', 'server') || !isAllowed || next.metadata.uid !== old.metadata.uid) wrong('approved');
    }
    if (holds(next, 'Approved') && holds(next, 'Denied')) wrong('approved and denied');
    if (holds(old, 'Denied') && !holds(next, 'Denied')) wrong('not denied any more');
    if (old.status?.certificate && next.status?.certificate !== old.status.certificate) wrong('signed twice');
    if (!next.status?.certificate) return;
    if (!holds(old, 'Approved') || holds(old, 'Failed')) wrong('signed though it is not approved, or has failed');
    if (!isSort(old, 'node', 'server', 'person')) wrong('signed');
  }

  #ask(name: string, sort: Sort): void {
    if (this.run.api.get(CertificateSigningRequests, name)) return;
    const creationTimestamp = apiTime(this.run.clock.now());
    const metadata = { name, uid: `${sort}-${this.#serial++}`, creationTimestamp };
    const spec = {
      request: Buffer.from(pems.get(sort) ?? '').toString('base64'),
      signerName: SIGNERS[sort] ?? NODE_SIGNER,
      usages: ['digital signature', sort === 'server' ? 'server auth' : 'client auth'],
      username: 'system:node:n',
    };
    this.run.api.put(CertificateSigningRequests, { metadata, spec, status: {} } as CertificateSigningRequest);
  }

  /** A person decides what nobody has decided yet. */
  #decide(name: string, type: 'Approved' | 'Denied'): void {
    const r = this.run.api.get(CertificateSigningRequests, name);
    if (!r || holds(r, 'Approved') || holds(r, 'Denied')) return;
    const condition = { type, status: 'True', reason: 'ByHand', lastUpdateTime: apiTime(this.run.clock.now()) };
    const status = { ...r.status, conditions: [condition] };
    this.run.api.put(CertificateSigningRequests, { ...r, status } as CertificateSigningRequest);
  }

  #again(name: string, sort: Sort): void {
    this.run.api.remove(CertificateSigningRequests, name);
    this.#ask(name, sort);
  }

  /** While the controllers look at a request, it is decided, or becomes another one of its name. */
  async #stale(name: string, i: number, j: number): Promise<void> {
    this.#again(name, pick(SORTS, j));
    this.run.api.tellAll();
    if (j % 3 === 0) await this.run.advance(24 * HOUR);
    await this.run.begin(0, pick(['slow', 'unanswered'], i));
    if (i % 3 === 0) this.#decide(name, 'Denied');
    else if (i % 3 === 1) this.#again(name, pick(SORTS, i));
    else this.#decide(name, 'Approved');
  }

  /** The node goes, or comes and tells its address or none yet. */
  #node(i: number): void {
    if (i % 4 === 0) {
      this.run.api.remove(Nodes, 'n');
      return;
    }
    const addresses = i % 2 ? [{ type: 'InternalIP', address: ADDRESS }] : [];
    if (i % 2) this.#isNamed = true;
    this.run.api.put(Nodes, { metadata: { name: 'n', uid: 'n' }, status: { addresses } } as unknown as Node);
  }

  #setRight(isAllowed: boolean): void {
    if (this.#isAllowed) this.#allowedAt = this.run.api.moment;
    this.#isAllowed = isAllowed;
  }

  act = (what: Deed, i: number, j: number): unknown => {
    const name = pick(NAMES, i);
    if (what === 'ask') return this.#ask(name, pick(SORTS, j));
    if (what === 'approve') return this.#decide(name, 'Approved');
    if (what === 'deny') return this.#decide(name, 'Denied');
    if (what === 'remove') return this.run.api.remove(CertificateSigningRequests, name);
    if (what === 'again') return this.#again(name, pick(SORTS, j));
    if (what === 'node') return this.#node(i);
    if (what === 'right') return this.#setRight(i % 3 === 0);
    if (what === 'begin') return this.run.begin(i % 2, pick(FATES, j));
    return what === 'stale' ? this.#stale(name, j, i) : this.run.advance(pick(PASSING, i));
  };

  /** Requests that are not done with: what was approved is signed, or has failed. */
  #undone(): string[] {
    const isDone = (r: Request): boolean => !holds(r, 'Approved') || holds(r, 'Failed') || !!r.status?.certificate;
    return this.requests.flatMap((r) => (isDone(r) ? [] : [`${r.metadata.uid} is not done`]));
  }

  /** Requests of nodes that nobody has decided. @param left servers' requests that are left to a person */
  #undecided(left: ReadonlySet<string>): string[] {
    const isDecided = (r: Request): boolean => holds(r, 'Approved') || holds(r, 'Denied') || left.has(r.metadata.uid);
    const ofNodes = this.requests.filter((r) => isSort(r, 'node', 'server'));
    return ofNodes.flatMap((r) => (isDecided(r) ? [] : [`${r.metadata.uid} is not decided`]));
  }

  /** Servers' requests that may be too old for the controller. */
  #aged(): Set<string> {
    const ageOf = (r: Request): number => this.run.clock.now() - Date.parse(r.metadata.creationTimestamp);
    const aged = this.requests.filter((r) => isSort(r, 'server') && ageOf(r) >= PATIENCE);
    return new Set(aged.map((r) => r.metadata.uid));
  }

  /** Nothing fails any more, the node tells its address, then the right is there, then time passes. @returns what is broken, or left undone */
  async end(): Promise<string[]> {
    this.#node(1);
    const aged = this.#aged();
    await this.run.calm();
    const undone = this.#undone();
    this.#setRight(true);
    await this.run.advance(12 * HOUR);
    await this.run.calm();
    const undecided = this.#undecided(aged);
    for (let i = 0; i < 3; i++) {
      await this.run.advance(12 * HOUR);
      await this.run.calm();
    }
    return [...this.broken, ...undone, ...undecided, ...this.requests.map((r) => `${r.metadata.uid} is left`)];
  }
}

property.prop([walks(DEEDS)], { numRuns: 40 })(
  'what is asked for is approved, signed and cleared once, and nothing else is, whatever happens in which order',
  async (steps) => {
    const scene = new Scene();
    for (const step of steps) await scene.run.step(step, scene.act);
    expect(await scene.end()).toEqual([]);
  },
);
