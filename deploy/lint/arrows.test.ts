import { describe, expect, it } from 'vitest';
import { breaches } from './arrows.ts';

describe('import rules', () => {
  it.each([
    ['pkg/api/kind.ts', "import type { Clock } from '#async/clock.ts';"],
    ['pkg/apiserver/a.ts', "import { openEtcd } from '#storage/etcd/open.ts';"],
    ['pkg/storage/etcd/kv.ts', "import { Etcd3 } from 'etcd3';"],
    ['pkg/agent/runtime/docker-client.ts', "import Docker from 'dockerode';"],
    ['cmd/apiserver/main.ts', "import { openEtcd } from '#storage/etcd/open.ts';"],
    ['pkg/api/a.ts', "import { b } from './b.ts';\nimport fs from 'node:fs';"],
    ['pkg/process/main.ts', "import { systemClock } from '#async/clock.ts';"],
    ['pkg/scheduler/a.test.ts', "import fastify from 'fastify';"],
    ['pkg/api/text.ts', "const s = 'no import at all, from nowhere';"],
  ])('%s may say %s', (file, source) => expect(breaches(file, source)).toEqual([]));

  it.each([
    [
      'pkg/api/a.ts',
      "\nimport { x } from '#client/client.ts';",
      /^pkg\/api\/a.ts:2: pkg\/api must not import pkg\/client$/,
    ],
    ['pkg/controllers/a.ts', "export * from '#scheduler/x.ts';", /must not import pkg\/scheduler/],
    ['pkg/client/a.ts', "import type { X } from '../storage/types.ts';", /must not import pkg\/storage/],
    ['pkg/agent/a.ts', "const m = await import('#storage/memory/store.ts');", /must not import pkg\/storage/],
    ['pkg/agent/worker.ts', "import Docker from 'dockerode';", /dockerode is imported only in/],
    ['pkg/client/a.ts', "import { x } from '../../deploy/run.ts';", /lies outside pkg/],
    ['pkg/client/a.ts', "import {\n  a,\n  b,\n} from '#apiserver/x.ts';", /must not import pkg\/apiserver/],
    ['pkg/newthing/a.ts', "import { x } from '#api/kind.ts';", /has no place in the import rules/],
    ['cmd/cox/main.ts', "import { x } from '../../test/bed/wait.ts';", /programs do not import tests/],
  ])('%s may not say %s', (file, source, why) => {
    expect(breaches(file, source)).toEqual([expect.stringMatching(why)]);
  });
});
