import { apiVersionOf } from '#api/kind.ts';
import { builtinKinds } from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { Client } from '#client/types.ts';

/** What has, or should have, replicas: an object of a namespace, by a reference to it. */
export interface Scaled {
  /** "apps/v1", or "v1" for the core group. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}

/** There is no such kind, or its objects have no replicas. */
export class NoScale extends RangeError {}

interface Listed {
  readonly resources?: readonly { readonly name: string; readonly kind: string }[];
}

/** References are written by users, and asked after with our rights: nothing but a version may get into a path. */
const VERSION = /^(?:[a-z0-9][a-z0-9.-]*\/)?[a-z0-9][a-z0-9-]*$/;

const rootOf = (apiVersion: string): string =>
  apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

const withoutScale = (plural: string, apiVersion: string): NoScale => {
  const [group = '', version] = apiVersion.split('/');
  return new NoScale(`${version ? `${plural}.${group}` : plural} does not implement the scale subresource`);
};

async function discovered(client: Client, kind: string, apiVersion: string): Promise<string> {
  const unknown = new NoScale(`no matches for kind "${kind}" in version "${apiVersion}"`);
  if (!VERSION.test(apiVersion)) throw unknown;
  const { resources = [] } = await client.raw<Listed>('GET', rootOf(apiVersion)).catch((e: unknown) => {
    throw isNotFound(e) ? unknown : e;
  });
  const plural = resources.find((r) => r.kind === kind && !r.name.includes('/'))?.name;
  if (!plural) throw unknown;
  if (!resources.some((r) => r.name === `${plural}/scale`)) throw withoutScale(plural, apiVersion);
  return plural;
}

/** Plural of a kind with a scale subresource: a built-in one, or as discovery has it. @throws NoScale */
export async function scaledPlural(
  client: Client,
  { kind, apiVersion }: Pick<Scaled, 'kind' | 'apiVersion'>,
): Promise<string> {
  const builtin = builtinKinds.find((k) => k.kind === kind && apiVersionOf(k) === apiVersion);
  if (!builtin) return discovered(client, kind, apiVersion);
  if (!builtin.scale) throw withoutScale(builtin.plural, apiVersion);
  return builtin.plural;
}

/** Path of an object's scale subresource. */
export const scalePath = (plural: string, { apiVersion, namespace, name }: Scaled): string =>
  `${rootOf(apiVersion)}/namespaces/${encodeURIComponent(namespace)}/${plural}/${encodeURIComponent(name)}/scale`;
