import type { ContainerStatus } from '#api/kinds/index.ts';
import type { OwnStatus } from './own.ts';

/** What a container waits for that is on its way. */
const COMING: ReadonlySet<string | undefined> = new Set(['ContainerCreating', 'PodInitializing']);

const comes = ({ state, lastState }: ContainerStatus): boolean =>
  state?.waiting !== undefined && COMING.has(state.waiting.reason) && lastState?.terminated === undefined;

/** A pod that is being brought up for the first time, and nothing went wrong: soon there is more to tell. Pure. */
export const comingUp = (own: OwnStatus): boolean =>
  own.phase === 'Pending' &&
  own.reason === undefined &&
  [...(own.initContainerStatuses ?? []), ...(own.containerStatuses ?? [])].every(comes);
