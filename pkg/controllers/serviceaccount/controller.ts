import { Namespaces, ServiceAccounts } from '#api/kinds/index.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import { type Controller, type ControllerDeps, type Outcome, ownKey, watching } from '../harness/controller.ts';
import { isNamespaceTerminating } from '../pods/create-error.ts';

/** Every namespace has a service account named "default". */
export function serviceAccountController(deps: ControllerDeps): Controller {
  const namespaces = deps.informers.informer(Namespaces);
  const accounts = deps.informers.informer(ServiceAccounts);

  async function reconcile(name: string): Promise<Outcome> {
    const ns = namespaces.lister.get(name);
    if (!ns || ns.status?.phase === 'Terminating' || accounts.lister.get('default', name)) return undefined;
    try {
      await deps.client.create(ServiceAccounts, { metadata: { name: 'default', namespace: name } });
    } catch (e) {
      if (!isAlreadyExists(e) && !isNotFound(e) && !isNamespaceTerminating(e)) throw e;
    }
    return undefined;
  }

  return {
    name: 'serviceaccount',
    watches: [
      watching(Namespaces, ownKey),
      watching(ServiceAccounts, (a, _old, gone) =>
        gone && a.metadata.name === 'default' ? [a.metadata.namespace ?? ''] : [],
      ),
    ],
    reconcile,
  };
}
