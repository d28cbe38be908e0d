/** The load generator: a process of its own, told by messages what to do. */
import { openEtcd } from '#storage/etcd/open.ts';
import { Connection, openSocket, type Target } from './connection.ts';
import type { Command, EtcdCommand, Reply } from './generator.ts';
import { runLoad } from './load.ts';
import { Watchers } from './watchers.ts';

let target: Target | undefined;
let connections: Connection[] = [];
let watchers: Watchers | undefined;

function targetOrThrow(): Target {
  if (!target) throw new Error('not connected');
  return target;
}

/** Lanes that create keys through the storage layer, without API server: the bound for creates. */
async function createKeys(c: EtcdCommand): Promise<number> {
  const storage = await openEtcd({ endpoints: c.endpoints });
  try {
    const value = Buffer.alloc(c.bytes, 'x');
    const run = async (prefix: string, count: number): Promise<number> => {
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < count) await storage.create(`/bench/${prefix}/${next++}`, value);
      };
      const started = performance.now();
      await Promise.all(Array.from({ length: c.lanes }, lane));
      return (performance.now() - started) / 1000;
    };
    await run('warm', c.count / 4);
    return await run('main', c.count);
  } finally {
    await storage.close();
  }
}

async function perform(c: Command): Promise<unknown> {
  switch (c.do) {
    case 'connect':
      target = c.target;
      for (const open of connections) open.close();
      connections = await Promise.all(
        Array.from({ length: c.connections }, async () => new Connection(await openSocket(c.target))),
      );
      return undefined;
    case 'load':
      return runLoad(connections.slice(0, c.lanes), c.phase);
    case 'watch':
      watchers?.close();
      watchers = new Watchers(c.needle);
      await watchers.open(targetOrThrow(), c.path, c.count);
      return undefined;
    case 'forget':
      watchers?.reset();
      return undefined;
    case 'await events':
      return watchers?.wait(c.count, c.since);
    case 'unwatch':
      watchers?.close();
      return undefined;
    case 'etcd':
      return createKeys(c);
  }
}

process.on('message', (command: Command) => {
  perform(command).then(
    (result) => process.send?.({ result } satisfies Reply),
    (e: unknown) => process.send?.({ error: e instanceof Error ? e.message : String(e) } satisfies Reply),
  );
});
process.on('disconnect', () => process.exit(0));
