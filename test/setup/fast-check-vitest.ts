/** Its `test.prop`, with the seed of fast-check.ts. */
import './fast-check.ts';

export * from '../../node_modules/@fast-check/vitest/lib/vitest-fast-check.js';
