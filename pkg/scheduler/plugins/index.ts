import type { Plugin } from '../framework/plugin.ts';
import { DEFAULT_ARGS } from './args.ts';
import { PLUGINS } from './registry.ts';

/** What runs when nothing is configured. */
export const defaultPlugins: readonly Plugin[] = Object.values(PLUGINS).flatMap((p) => p.make?.(DEFAULT_ARGS) ?? []);
