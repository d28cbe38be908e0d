import { afterEach, beforeEach, expect, test } from 'vitest';
import { Namespaces, NetworkPolicies, type Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import type { InformerFactory, InformerHandlers } from '#client/types.ts';
import { silentLogger } from '#process/logger.ts';
import { PolicyEnforcer } from './enforcer.ts';

/** Keeps what a test puts into it, and tells what the test says. */
class Cache {
  items: Stored<Pod>[] = [];
  readonly #handlers: InformerHandlers<Pod>[] = [];
  readonly lister = {
    list: (namespace?: string) => this.items.filter((o) => !namespace || o.metadata.namespace === namespace),
  };
  addHandlers(h: InformerHandlers<Pod>): void {
    this.#handlers.push(h);
  }
  async synced(): Promise<void> {}
  deleted(o: Stored<Pod>): void {
    this.items = this.items.filter((i) => i !== o);
    for (const h of this.#handlers) h.onDelete?.(o);
  }
}

const pod = (namespace: string, name: string) =>
  ({ metadata: { namespace, name, uid: name }, spec: { nodeName: 'n' } }) as Stored<Pod>;
const ADDRESS = '10.244.1.5';

let caches: { policies: Cache; namespaces: Cache; own: Cache; all: Cache };
let scripts: string[];
let clock: FakeClock;
let end: AbortController;
let running: Promise<void>;
let enforcer: PolicyEnforcer;

beforeEach(() => {
  caches = { policies: new Cache(), namespaces: new Cache(), own: new Cache(), all: new Cache() };
  caches.policies.items = [
    { metadata: { namespace: 'a', name: 'deny' }, spec: { podSelector: {}, policyTypes: ['Ingress'] } } as never,
  ];
  scripts = [];
  clock = new FakeClock();
  end = new AbortController();
  const informer = (kind: unknown) => {
    if (kind === NetworkPolicies) return caches.policies;
    return kind === Namespaces ? caches.namespaces : caches.all;
  };
  enforcer = new PolicyEnforcer({
    ...{ clock, logger: silentLogger, nodeName: 'n' },
    own: caches.own as never,
    informers: { informer, start: () => {} } as unknown as InformerFactory,
    exec: async (_command, _args, options) => {
      if (options?.input) scripts.push(String(options.input));
      return { code: 0, stdout: '', stderr: '' };
    },
  });
  running = enforcer.run(end.signal);
});
afterEach(async () => {
  end.abort();
  await running;
});

async function attach(p: Stored<Pod>): Promise<void> {
  const done = enforcer.attached(p, [ADDRESS]);
  await clock.advance(100);
  await done;
}

test('an address of a pod that was deleted before it was attached is freed by the next pod that has it', async () => {
  const lost = pod('a', 'lost');
  caches.own.deleted(lost);
  await attach(lost);
  expect(scripts.at(-1)).toContain(ADDRESS);
  await attach(pod('b', 'next'));
  expect(scripts.at(-1)).not.toContain('add rule');
});

test('whichever informer hears of the deletion first, the rules of a pod go', async () => {
  const p = pod('a', 'p');
  caches.all.items = [p];
  await attach(p);
  expect(scripts.at(-1)).toContain(ADDRESS);
  caches.all.deleted(p);
  await clock.advance(100);
  caches.own.deleted(p);
  await clock.advance(100);
  expect(scripts.at(-1)).not.toContain('add rule');
});
