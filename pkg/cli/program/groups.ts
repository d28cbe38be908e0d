import type { Command } from 'commander';
import type { Session } from './session.ts';

/** Declares commands. */
export type Group = (program: Command, session: Session) => void;

interface LazyGroup {
  /** The commands it declares, and their other names. */
  readonly names: string;
  readonly load: () => Promise<Group>;
}

/** Every command, in groups that are loaded when one of theirs is called: declaring them all takes a third of `get`. */
export const GROUPS: readonly LazyGroup[] = [
  {
    names: 'get describe events wait kustomize why tree',
    load: async () => (await import('./reading.ts')).reading,
  },
  { names: 'create', load: async () => (await import('./creating.ts')).creating },
  {
    names: 'apply diff delete scale patch replace edit label annotate',
    load: async () => (await import('./changing.ts')).changing,
  },
  { names: 'expose autoscale set', load: async () => (await import('./configuring.ts')).configuring },
  {
    names: 'logs exec run attach debug rollout rolling-update',
    load: async () => (await import('./running.ts')).running,
  },
  { names: 'port-forward cp proxy', load: async () => (await import('./reaching.ts')).reaching },
  { names: 'cordon uncordon drain taint', load: async () => (await import('./nodes.ts')).nodes },
  { names: 'auth certificate', load: async () => (await import('./access.ts')).access },
  { names: 'config', load: async () => (await import('./config.ts')).config },
  {
    names: 'cluster-info version api-resources api-versions explain',
    load: async () => (await import('./cluster-info.ts')).clusterInfo,
  },
  { names: 'cluster image', load: async () => (await import('./cluster.ts')).clusterLife },
  { names: 'options completion plugin top', load: async () => (await import('./shell.ts')).shell },
];

const namesOf = (g: LazyGroup): string[] => g.names.split(' ');

/** Names of all commands. */
export const commandNames = (): string[] => GROUPS.flatMap(namesOf);

/** What declares the command of this name; for any other word, all commands. */
export function groupsFor(word: string | undefined): Promise<Group[]> {
  const own = GROUPS.find((g) => word !== undefined && namesOf(g).includes(word));
  return Promise.all((own ? [own] : GROUPS).map((g) => g.load()));
}
