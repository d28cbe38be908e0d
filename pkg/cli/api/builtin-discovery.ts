import type { Kind } from '#api/kind.ts';
import { builtinKinds } from '#api/kinds/index.ts';
import { type ApiResource, Discovery } from './discovery.ts';

const asResource = (k: (typeof builtinKinds)[number]): ApiResource => ({
  group: k.group,
  version: k.version,
  plural: k.plural,
  singular: k.kind.toLowerCase(),
  kind: k.kind,
  namespaced: k.namespaced,
  shortNames: k.shortNames ?? [],
  categories: k.categories ?? [],
  verbs: [],
});

/**
 * The kinds of Kubernetes itself, where there is no server that could be asked.
 * @param refuse throws why not, when others are asked for
 */
export const builtinDiscovery = (refuse: () => never): Discovery =>
  new Discovery(builtinKinds.map(asResource), async () => refuse());

/** What is known of a resource of this version; undefined for a custom one. */
export const builtinKind = (r: ApiResource): Kind | undefined =>
  builtinKinds.find((k) => k.group === r.group && k.version === r.version && k.plural === r.plural);
