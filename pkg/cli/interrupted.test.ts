import { Readable } from 'node:stream';
import { beforeEach, expect, test } from 'vitest';
import { StatusError } from '#api/meta/errors.ts';
import { builtinDiscovery } from './api/builtin-discovery.ts';
import { deleteObjects } from './commands/delete.ts';
import type { CliContext } from './context.ts';
import { eachOf } from './manifests.ts';
import { drain } from './nodes/drain.ts';

interface Request {
  readonly method?: string;
  readonly path: string;
}

let told: string;
let asked: string[];
let ctrlC: AbortController;
beforeEach(() => {
  told = '';
  asked = [];
  ctrlC = new AbortController();
});

/** A server that answers as told; deleted objects stay. */
function against(answer: (r: Request) => unknown): CliContext {
  const rest = {
    json: async (r: Request) => {
      asked.push(`${r.method ?? 'GET'} ${r.path}`);
      return answer(r);
    },
    found: async () => ({ items: [{ metadata: { uid: 'u' } }], metadata: { resourceVersion: '1' } }),
    open: async () => {
      ctrlC.abort();
      return Readable.from([]);
    },
  };
  const refuse = (): never => {
    throw new Error('nobody asks');
  };
  return {
    ...{ rest, namespace: 'default', signal: ctrlC.signal, discovery: async () => builtinDiscovery(refuse) },
    out: () => {},
    err: (text: string) => {
      told += text;
    },
  } as unknown as CliContext;
}

const DELETED = { metadata: { uid: 'u' } };

test('a deletion that is interrupted leaves the others alone, and says which and what is still there', async () => {
  const ctx = against(() => {
    ctrlC.abort();
    return DELETED;
  });
  expect(await deleteObjects(ctx, ['cm', 'a', 'b'], { yes: true })).toBe(130);
  expect(asked).toEqual(['DELETE /api/v1/namespaces/default/configmaps/a']);
  expect(told).toBe('interrupted; not deleted: configmap "b"\ninterrupted; deleted, but not gone yet: configmap "a"\n');
});

test('whoever gives up waiting for a deletion hears that it is not over', async () => {
  expect(
    await deleteObjects(
      against(() => DELETED),
      ['cm', 'a'],
      { yes: true },
    ),
  ).toBe(130);
  expect(told).toBe('interrupted; deleted, but not gone yet: configmap "a"\n');
});

test('files: what comes after an interrupt is not touched, and named', async () => {
  const manifests = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => ({
    file: 'all.yaml',
    object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } },
  }));
  const done: unknown[] = [];
  const code = await eachOf(
    against(() => ({})),
    manifests,
    'applying',
    async (_resource, object) => {
      done.push(object.metadata?.name);
      ctrlC.abort();
    },
  );
  expect([code, done]).toEqual([130, ['a']]);
  expect(told).toBe(
    'interrupted; before applying: ConfigMap "b", ConfigMap "c", ConfigMap "d", ConfigMap "e", ConfigMap "f" and 1 more\n',
  );
});

test('a node stays closed when its drain is interrupted, and that is said', async () => {
  const pod = {
    metadata: { name: 'p', namespace: 'default', ownerReferences: [{ controller: true, kind: 'ReplicaSet' }] },
  };
  const ctx = against(({ path, method }) => {
    if (path.endsWith('/pods')) return { items: [pod] };
    if (method !== 'POST') return { metadata: { name: 'n' } };
    ctrlC.abort();
    throw new StatusError({ kind: 'Status', apiVersion: 'v1', code: 429, message: 'not now' } as never);
  });
  expect(await drain(ctx, ['n'], {})).toBe(130);
  expect(told).toMatch(/interrupted; cordoned, but not drained: node\/n\n$/);
});
