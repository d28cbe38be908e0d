import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Service, Services } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { FakeClock } from '#async/fake-clock.ts';
import type { EventRecorder, InformerFactory, InformerHandlers } from '#client/types.ts';
import type { Exec, ExecResult } from '#process/exec.ts';
import { silentLogger } from '#process/logger.ts';
import { IptablesBackend } from './backends/iptables/backend.ts';
import { Proxier } from './proxier.ts';

/** Keeps what a test puts into it. */
class Cache {
  readonly #items = new Map<string, Stored<Service>>();
  readonly #handlers: InformerHandlers<Service>[] = [];
  readonly lister = {
    get: (name: string, namespace?: string) => this.#items.get(`${namespace}/${name}`),
    byIndex: () => [],
  };
  addIndex(): void {}
  addHandlers(h: InformerHandlers<Service>): void {
    this.#handlers.push(h);
  }
  async synced(): Promise<void> {}
  add(o: Stored<Service>): void {
    this.#items.set(`${o.metadata.namespace}/${o.metadata.name}`, o);
    for (const h of this.#handlers) h.onAdd?.(o);
  }
}

const LOCKED: Partial<ExecResult> = { code: 4, stderr: 'Another app is currently holding the xtables lock.\n' };
const LIMIT_MS = 15_000;

let clock: FakeClock;
let services: Cache;
let restored: string;
/** iptables does nothing before this is over, which says how it ends. */
let lock: Promise<Partial<ExecResult>>;
let end: AbortController;
let running: Promise<void>;
let proxier: Proxier;

const exec: Exec = async (command, args, options) => {
  const input = String(options?.input ?? '');
  const ends = command.startsWith('iptables') ? await lock : {};
  const looks = /^-C /m.test(input);
  if (command === 'iptables-restore' && !looks && !ends.code) restored += input;
  const found = [...input.matchAll(/^-S (.*)/gm)].map((m) => `-A ${m[1]} -j X\n`).join('');
  return { code: 0, stdout: args.includes('-n') ? '1' : found, stderr: '', ...ends };
};

beforeEach(async () => {
  clock = new FakeClock();
  services = new Cache();
  restored = '';
  lock = Promise.resolve({});
  end = new AbortController();
  const options = { exec, logger: silentLogger, family: 'IPv4', clusterCidr: '10.244.0.0/16' } as const;
  proxier = new Proxier({
    ...{ exec, clock, logger: silentLogger, nodeName: 'n', events: {} as EventRecorder },
    informers: {
      informer: (kind: unknown) => (kind === Services ? services : new Cache()),
    } as unknown as InformerFactory,
    families: [{ family: 'IPv4', backend: new IptablesBackend(options), others: [], always: true }],
  });
  running = proxier.run(end.signal);
  await clock.advance(100);
});
afterEach(async () => {
  end.abort();
  await running;
});

function add(n: number): void {
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' as const }];
  const metadata = { namespace: 'ns', name: `web-${n}`, uid: `${n}` };
  services.add({ metadata, spec: { type: 'ClusterIP', clusterIP: `10.96.1.${n}`, ports } } as Stored<Service>);
}
const written = (): number[] => [1, 2, 3].filter((n) => restored.includes(`10.96.1.${n}/32`));

test('while somebody else holds the lock of iptables for half a minute changes wait, which is told, and then all come', async () => {
  expect([proxier.lastSync > 0, proxier.behind(LIMIT_MS)]).toEqual([true, undefined]);
  const { promise, resolve } = Promise.withResolvers<Partial<ExecResult>>();
  lock = promise;
  add(1);
  await clock.advance(10_000);
  add(2);
  expect(proxier.behind(LIMIT_MS)).toBeUndefined();
  await clock.advance(20_000);
  add(3);
  expect([written(), proxier.behind(LIMIT_MS)]).toEqual([
    [],
    'changes of rules wait for 30 s: the kernel has not taken them yet',
  ]);
  resolve({});
  await clock.advance(1000);
  expect([written(), proxier.behind(0)]).toEqual([[1, 2, 3], undefined]);
});

test('when it is held for longer than iptables waits, it is tried again until it is free, and nothing is lost', async () => {
  lock = Promise.resolve(LOCKED);
  add(1);
  await clock.advance(30_000);
  add(2);
  await clock.advance(30_000);
  expect(written()).toEqual([]);
  expect(proxier.behind(LIMIT_MS)).toMatch(/wait for 60 s: .*Another app is currently holding the xtables lock/);
  lock = Promise.resolve({});
  await clock.advance(2000);
  expect([written(), proxier.behind(0)]).toEqual([[1, 2], undefined]);
});
