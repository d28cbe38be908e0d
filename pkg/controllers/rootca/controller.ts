import { ConfigMaps, Namespaces } from '#api/kinds/index.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import { type Controller, type ControllerDeps, type Outcome, ownKey, watching } from '../harness/controller.ts';
import { isNamespaceTerminating } from '../pods/create-error.ts';

const NAME = 'kube-root-ca.crt';
const KEY = 'ca.crt';
const ABOUT = 'kubernetes.io/description';
const TEXT = "The CA that signed the API server's certificate, for clients inside the cluster.";

/** Publishes the CA of the API server in every namespace, where pods mount it from. */
export function rootCaController(deps: ControllerDeps, ca: string): Controller {
  const namespaces = deps.informers.informer(Namespaces);
  const maps = deps.informers.informer(ConfigMaps);

  async function reconcile(namespace: string): Promise<Outcome> {
    const ns = namespaces.lister.get(namespace);
    if (!ns || ns.status?.phase === 'Terminating') return undefined;
    const present = maps.lister.get(NAME, namespace);
    if (present?.data?.[KEY] === ca) return undefined;
    const data = { [KEY]: ca };
    try {
      if (present) await deps.client.update(ConfigMaps, { ...present, data });
      else
        await deps.client.create(ConfigMaps, {
          metadata: { name: NAME, namespace, annotations: { [ABOUT]: TEXT } },
          data,
        });
    } catch (e) {
      if (isAlreadyExists(e)) return { afterMs: 100 };
      if (!isNotFound(e) && !isNamespaceTerminating(e)) throw e;
    }
    return undefined;
  }

  return {
    name: 'root-ca',
    watches: [
      watching(Namespaces, ownKey),
      watching(ConfigMaps, (m) => (m.metadata.name === NAME ? [m.metadata.namespace ?? ''] : [])),
    ],
    reconcile,
  };
}
