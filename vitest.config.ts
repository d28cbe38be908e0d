import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BusyApart } from './test/setup/sequencer.ts';

const seconds = 1000;
/** Half of a file's time is spent waiting. Clusters of two files do not meet: ports, folders and namespaces are their own. */
const WORKERS = 2;
/** They wait for containers, leases and machines even more. */
const E2E_WORKERS = 3;
const seeded = (name: string, file: string) => ({
  find: new RegExp(`^${name}$`),
  replacement: join(import.meta.dirname, 'test/setup', file),
});
const alias = [seeded('fast-check', 'fast-check.ts'), seeded('@fast-check/vitest', 'fast-check-vitest.ts')];

export default defineConfig({
  test: {
    // What differs is told in full in the report, from which `make test` repeats it at its end.
    chaiConfig: { truncateThreshold: 2000 },
    sequence: { sequencer: BusyApart },
    projects: [
      {
        test: {
          name: 'unit',
          alias,
          include: ['pkg/**/*.test.ts', 'cmd/**/*.test.ts', 'deploy/**/*.test.ts'],
          // Loading its modules anew for each file cost more than all its tests.
          isolate: false,
          // Properties take seconds, and a machine may be several times slower than usual.
          testTimeout: 60 * seconds,
          hookTimeout: 60 * seconds,
        },
      },
      {
        test: {
          name: 'integration',
          alias,
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/setup/build.ts'],
          testTimeout: 120 * seconds,
          hookTimeout: 180 * seconds,
          maxWorkers: WORKERS,
          maxConcurrency: 8,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/setup/build.ts'],
          testTimeout: 240 * seconds,
          hookTimeout: 300 * seconds,
          maxWorkers: E2E_WORKERS,
        },
      },
    ],
  },
});
