import { type Secret, Secrets, ServiceAccounts } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import {
  type Controller,
  type ControllerDeps,
  keyOf,
  type Outcome,
  splitKey,
  watching,
} from '../harness/controller.ts';

const TYPE = 'kubernetes.io/service-account-token';
const NAME = 'kubernetes.io/service-account.name';
const UID = 'kubernetes.io/service-account.uid';
const BY_ACCOUNT = 'token-of-account';

/** Key of the account a token Secret belongs to; undefined for all other Secrets. */
function accountOf(s: Stored<Secret>): string | undefined {
  const name = s.type === TYPE ? s.metadata.annotations?.[NAME] : undefined;
  return name ? `${s.metadata.namespace}/${name}` : undefined;
}

/** Removes token Secrets whose service account is gone: a new account of that name must not inherit them. */
export function tokenCleaner(deps: ControllerDeps): Controller {
  const accounts = deps.informers.informer(ServiceAccounts);
  const secrets = deps.informers.informer(Secrets);
  secrets.addIndex(BY_ACCOUNT, (s) => {
    const account = accountOf(s);
    return account ? [account] : [];
  });

  /** Asks live before it says no. */
  async function accountUid(key: string): Promise<string | undefined> {
    const { namespace, name } = splitKey(key);
    const cached = accounts.lister.get(name, namespace);
    if (cached) return cached.metadata.uid;
    try {
      return (await deps.client.get(ServiceAccounts, name, namespace)).metadata.uid;
    } catch (e) {
      if (isNotFound(e)) return undefined;
      throw e;
    }
  }

  async function reconcile(key: string): Promise<Outcome> {
    const tokens = secrets.lister.byIndex(BY_ACCOUNT, key);
    if (tokens.length === 0) return undefined;
    const uid = await accountUid(key);
    for (const s of tokens) {
      const wanted = s.metadata.annotations?.[UID];
      // A token without a uid waits for its account to be issued; one of an earlier account is void.
      if (uid !== undefined && (wanted === undefined || wanted === uid)) continue;
      try {
        await deps.client.delete(Secrets, s.metadata.name, s.metadata.namespace, {
          preconditions: { uid: s.metadata.uid, resourceVersion: s.metadata.resourceVersion },
        });
      } catch (e) {
        if (!isNotFound(e) && !isConflict(e)) throw e;
      }
    }
    return undefined;
  }

  return {
    name: 'token-cleaner',
    watches: [
      watching(ServiceAccounts, (a, old, gone) => (gone || !old ? [keyOf(a)] : [])),
      watching(Secrets, (s, old, gone) => {
        const key = accountOf(s);
        return gone || (old && accountOf(old) === key) || !key ? [] : [key];
      }),
    ],
    reconcile,
  };
}
