import type { PolicyRule } from '../rules.ts';

/** A role that exists from the first start, and whom it is bound to. */
export interface BootstrapRole {
  readonly name: string;
  readonly rules: readonly PolicyRule[];
  readonly groups?: readonly string[];
  readonly users?: readonly string[];
  /** Service accounts of kube-system. */
  readonly accounts?: readonly string[];
  /** Labels that collect the role into aggregated ones. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Its rules are those of the roles with this label; `rules` is what it has before they have been gathered. */
  readonly gathers?: string;
}

/** A role of one namespace that exists from the first start, and whom it is bound to. */
export interface NamespacedBootstrapRole
  extends Pick<BootstrapRole, 'name' | 'rules' | 'users' | 'groups' | 'accounts'> {
  readonly namespace: string;
  /** The name of its binding; default: that of the role. */
  readonly binding?: string;
}

export const READ = 'get list watch';
export const WRITE = 'create delete deletecollection patch update';

const words = (text: string): string[] => text.split(' ');

/** A rule; each argument is a list of words with spaces between them, and the core group is `core`. */
export const can = (verbs: string, groups: string, resources: string): PolicyRule => ({
  verbs: words(verbs).sort(),
  apiGroups: words(groups).map((group) => (group === 'core' ? '' : group)),
  resources: words(resources).sort(),
});

/** The same for objects of these names only. */
export const canNamed = (verbs: string, groups: string, resources: string, names: string): PolicyRule => ({
  ...can(verbs, groups, resources),
  resourceNames: words(names),
});

/** To get paths that are no objects. */
export const canGet = (...paths: readonly string[]): PolicyRule => ({ verbs: ['get'], nonResourceURLs: paths });

/** To tell what happened. */
export const EVENTS = can('create patch update', 'core events.k8s.io', 'events');
/** To ask who sent a request, and whether that may be. */
export const DELEGATION: readonly PolicyRule[] = [
  can('create', 'authentication.k8s.io', 'tokenreviews'),
  can('create', 'authorization.k8s.io', 'subjectaccessreviews'),
];

/** Who has come with a bootstrap token. */
export const BOOTSTRAPPERS = 'system:bootstrappers';
