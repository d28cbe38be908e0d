/**
 * fast-check as tests get it: from a fixed seed, so that `make test` fails for what has changed and not for what was drawn.
 * SEED=7 draws others.
 */
// By its path: the name as such means this file (vitest.config.ts).
import fc from '../../node_modules/fast-check/lib/fast-check.js';

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env.SEED ?? 1) });

export default fc;
