import { type ConfigMap, ConfigMaps } from '#api/kinds/index.ts';
import { copyJson } from '#api/meta/copy.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { RequestHeaderOptions } from '../authn/request-header.ts';
import type { Resource, ResourceTable } from '../registry/resource.ts';
import type { Writer } from '../registry/writer.ts';
import type { WriteHandlers } from '../rest/write.ts';
import { systemTarget } from './target.ts';

const NAME = 'extension-apiserver-authentication';
const NAMESPACE = 'kube-system';

/** What extension API servers need to know to authenticate requests, as kube-apiserver publishes it. */
export function trustData(clientCa: Buffer, proxies: RequestHeaderOptions | undefined): Record<string, string> {
  const data: Record<string, string> = { 'client-ca-file': clientCa.toString() };
  if (!proxies) return data;
  return {
    ...data,
    'requestheader-allowed-names': JSON.stringify(proxies.allowedNames),
    'requestheader-client-ca-file': proxies.ca.toString(),
    'requestheader-extra-headers-prefix': JSON.stringify(proxies.extraPrefixes),
    'requestheader-group-headers': JSON.stringify(proxies.groupHeaders),
    'requestheader-uid-headers': JSON.stringify(proxies.uidHeaders),
    'requestheader-username-headers': JSON.stringify(proxies.usernameHeaders),
  };
}

/** Puts the data into the ConfigMap of kube-system; harmless to repeat. */
export async function publishTrust(
  deps: { resources: ResourceTable; writer: Writer; writes: WriteHandlers },
  data: Record<string, string>,
): Promise<void> {
  const resource = deps.resources.of(ConfigMaps) as unknown as Resource;
  const held = resource.cache.get(`${NAMESPACE}/${NAME}`)?.object as ConfigMap | undefined;
  if (sameJson(held?.data, data)) return;
  const target = systemTarget(resource, NAME, NAMESPACE);
  try {
    await deps.writes.change(target, (old) => ({ ...copyJson(old), data }) as KubeObject);
  } catch (e) {
    if (!isNotFound(e)) throw e;
    await deps.writer.create(target, { metadata: { name: NAME }, data } as KubeObject).catch((err: unknown) => {
      if (!isAlreadyExists(err)) throw err;
    });
  }
}
