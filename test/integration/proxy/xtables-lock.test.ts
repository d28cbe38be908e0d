import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Exec } from '#process/exec.ts';
import { silentLogger } from '#process/logger.ts';
import { IptablesBackend } from '#proxy/backends/iptables/backend.ts';
import { waitFor } from '../../bed/wait.ts';
import { OwnNetwork } from './own-network.ts';
import { type RunningProxy, runProxy } from './rules.ts';

/** The file that is locked: of this network alone, as its /run is. */
const LOCK = '/run/xtables.lock';
/** As iptables tells of it, and its code. */
const HELD = { code: 4, stderr: expect.stringContaining('holding the xtables lock') };
const SOME_SECONDS_MS = 3000;
const SOON = { timeoutMs: 20_000, everyMs: 20 };

let network: OwnNetwork;
let holder: ChildProcess | undefined;
let proxy: RunningProxy;
/** Programs of iptables that have begun and not ended. */
let waiting: number;
/** How long the proxy lets iptables wait, instead of its own time, s. */
let patience: string | undefined;

const exec: Exec = async (command, args, options) => {
  const counts = command.startsWith('iptables') ? 1 : 0;
  const i = args.indexOf('-w') + 1;
  const words = patience === undefined || i === 0 ? args : args.with(i, patience);
  waiting += counts;
  try {
    return await network.exec(command, words, options);
  } finally {
    waiting -= counts;
  }
};

beforeEach(async () => {
  network = await OwnNetwork.create('legacy');
  [waiting, patience] = [0, undefined];
  proxy = runProxy(
    new IptablesBackend({ exec, logger: silentLogger, family: 'IPv4', clusterCidr: '10.244.0.0/16' }),
    exec,
  );
});
afterEach(async () => {
  await release();
  await proxy.end();
  await network.end();
});

/** Somebody else takes the lock, as iptables does, and keeps it. */
async function hold(): Promise<void> {
  holder = network.start('flock', ['--no-fork', LOCK, 'sh', '-c', 'echo held; exec sleep 600']);
  if (holder.stdout) await once(holder.stdout, 'data');
  expect(await network.exec('iptables', ['-w', '1', '-t', 'nat', '-S'])).toMatchObject(HELD);
}

async function release(): Promise<void> {
  if (holder?.exitCode !== null || holder.signalCode !== null) return;
  const ended = once(holder, 'exit');
  holder.kill('SIGKILL');
  await ended;
}

const add = (n: number): void =>
  proxy.add({ name: `web-${n}`, clusterIP: `10.96.1.${n}`, endpoints: [`10.244.1.${n}`, `10.244.2.${n}`] });
/** Services that are whole in the kernel: their address, and both endpoints. */
async function written(): Promise<number[]> {
  const rules = await network.sh('iptables-save -t nat');
  const lines = (n: number): string[] => [`-d 10.96.1.${n}/32 `, ...[1, 2].map((i) => `10.244.${i}.${n}:8080\n`)];
  return [1, 2, 3].filter((n) => lines(n).every((text) => rules.includes(text)));
}
/** Waits until these are written, and nothing else is to be. */
const all = async (...wanted: number[]): Promise<void> => {
  await waitFor('their rules', async () => (await written()).join() === wanted.join(), SOON);
  await waitFor('nothing to wait', () => proxy.proxier.behind(0) === undefined, SOON);
};
const waits = () => waitFor('somebody to wait for the lock', () => waiting > 0, SOON);

test('while another process holds the lock of xtables the proxy waits for it, and writes all that came meanwhile once it is free', async () => {
  add(1);
  await all(1);
  await hold();
  add(2);
  await waits();
  add(3);
  const told = await waitFor('seconds of it', () => proxy.proxier.behind(SOME_SECONDS_MS), SOON);
  expect([told, await written()]).toEqual([expect.stringContaining('the kernel has not taken them yet'), [1]]);
  await release();
  await all(1, 2, 3);
  expect(proxy.complaints).toEqual([]);
});

test('a proxy that starts while the lock is held waits with its first rules', async () => {
  await proxy.end();
  await network.sh(`: >${LOCK}`);
  await hold();
  const options = { exec, logger: silentLogger, family: 'IPv4', clusterCidr: '10.244.0.0/16' } as const;
  proxy = runProxy(new IptablesBackend(options), exec);
  add(1);
  await waits();
  expect(proxy.proxier.lastSync).toBe(0);
  await release();
  await all(1);
  expect(proxy.complaints).toEqual([]);
});

test('when it is held for longer than iptables waits, that is told, and the proxy tries again until it is free', async () => {
  add(1);
  await all(1);
  patience = '1';
  await hold();
  add(2);
  const failures = () => proxy.complaints.filter((c) => /^sync failed.*xtables lock/s.test(c)).length;
  await waitFor('two tries in vain', () => failures() >= 2, SOON);
  add(3);
  expect(proxy.proxier.behind(0)).toMatch(/holding the xtables lock/);
  await release();
  await all(1, 2, 3);
});
