import type { PodStatus } from './status.ts';

/** A pod of this phase, Succeeded or Failed, never runs again ("Pod Lifecycle", pod phase). */
export const isFinal = (phase: PodStatus['phase']): boolean => phase === 'Succeeded' || phase === 'Failed';
