import { access } from './access.ts';
import { config } from './config.ts';
import type { Generator } from './generator.ts';
import { network } from './network.ts';
import { policy } from './policy.ts';
import { workloads } from './workloads.ts';

export type { GeneratorFlags } from './generator.ts';

/** Everything `cox create` can make without a file. */
export const generators: readonly Generator[] = [...workloads, ...config, ...access, ...network, ...policy];
