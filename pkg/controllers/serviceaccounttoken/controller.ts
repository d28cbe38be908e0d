import { type Secret, Secrets, type ServiceAccount, ServiceAccounts } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import {
  type Controller,
  type ControllerDeps,
  keyOf,
  type Outcome,
  splitKey,
  type Watch,
  watching,
} from '../harness/controller.ts';

const TYPE = 'kubernetes.io/service-account-token';
const NAME = 'kubernetes.io/service-account.name';
const UID = 'kubernetes.io/service-account.uid';
const BY_ACCOUNT = 'token-of-account';
/** As good as for ever: such a token ends with its Secret. */
const LIFETIME_SECONDS = 2 ** 32;

/** Key of the account a token Secret belongs to; undefined for all other Secrets. */
function accountOf(s: Stored<Secret>): string | undefined {
  const name = s.type === TYPE ? s.metadata.annotations?.[NAME] : undefined;
  return name ? `${s.metadata.namespace}/${name}` : undefined;
}

const encoded = (text: string): string => Buffer.from(text).toString('base64');

/** What is to become of a token Secret of an account with this uid, or of none. Pure. */
export function fateOf(
  secret: Stored<Secret>,
  uid: string | undefined,
  ca: string | undefined,
): 'keep' | 'fill' | 'delete' {
  const wanted = secret.metadata.annotations?.[UID];
  // One of an earlier account is void: a new account of that name must not inherit it.
  if (uid === undefined || (wanted !== undefined && wanted !== uid)) return 'delete';
  const { data = {} } = secret;
  const complete = wanted && data.token && data.namespace && (ca === undefined || data['ca.crt'] === encoded(ca));
  return complete ? 'keep' : 'fill';
}

/**
 * Fills Secrets of type service-account-token, and removes them with their account ("Managing Service Accounts"). The
 * token is one that the API server signs, bound to the Secret: it is void as soon as that is gone.
 */
class ServiceAccountTokens implements Controller {
  readonly name = 'serviceaccount-token';
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #ca: string | undefined;
  readonly #accounts;
  readonly #secrets;

  constructor(deps: ControllerDeps, ca: string | undefined) {
    this.#deps = deps;
    this.#ca = ca;
    this.#accounts = deps.informers.informer(ServiceAccounts);
    this.#secrets = deps.informers.informer(Secrets);
    this.#secrets.addIndex(BY_ACCOUNT, (s) => [accountOf(s) ?? []].flat());
    this.watches = [
      watching(ServiceAccounts, (a, old, gone) => (gone || !old ? [keyOf(a)] : [])),
      watching(Secrets, (s, _old, gone) => (gone ? [] : [accountOf(s) ?? []].flat())),
    ];
  }

  async reconcile(key: string): Promise<Outcome> {
    const secrets = this.#secrets.lister.byIndex(BY_ACCOUNT, key).filter((s) => !s.metadata.deletionTimestamp);
    if (secrets.length === 0) return undefined;
    const { namespace, name } = splitKey(key);
    const cached = this.#accounts.lister.get(name, namespace)?.metadata.uid;
    const wrong = secrets.filter((s) => fateOf(s, cached, this.#ca) !== 'keep');
    const account = wrong.length > 0 ? await this.#account(name, namespace) : undefined;
    for (const s of wrong) {
      const fate = fateOf(s, account?.metadata.uid, this.#ca);
      try {
        if (fate === 'delete') await this.#delete(s);
        else if (fate === 'fill' && account) await this.#fill(s, account);
      } catch (e) {
        if (!isNotFound(e) && !isConflict(e)) throw e;
      }
    }
    return undefined;
  }

  /** Live: by an account that has been made anew since, a Secret would be filled for the old one, and then be deleted. */
  async #account(name: string, namespace: string | undefined): Promise<Stored<ServiceAccount> | undefined> {
    try {
      return await this.#deps.client.get(ServiceAccounts, name, namespace);
    } catch (e) {
      if (isNotFound(e)) return undefined;
      throw e;
    }
  }

  async #delete({ metadata: { name, namespace, uid, resourceVersion } }: Stored<Secret>): Promise<void> {
    await this.#deps.client.delete(Secrets, name, namespace, { preconditions: { uid, resourceVersion } });
  }

  async #fill(secret: Stored<Secret>, account: Stored<ServiceAccount>): Promise<void> {
    const { name, namespace = '', uid, resourceVersion } = secret.metadata;
    const token = secret.data?.token ?? encoded(await this.#request(account, { name, uid }));
    const data = {
      token,
      namespace: encoded(namespace),
      ...(this.#ca === undefined ? {} : { 'ca.crt': encoded(this.#ca) }),
    };
    const body = { metadata: { uid, resourceVersion, annotations: { [UID]: account.metadata.uid } }, data };
    await this.#deps.client.patch(Secrets, { name, namespace }, { type: 'merge', body });
  }

  async #request({ metadata }: Stored<ServiceAccount>, secret: { name: string; uid: string }): Promise<string> {
    const boundObjectRef = { kind: 'Secret', apiVersion: 'v1', ...secret };
    const { status } = await this.#deps.client.createSubresource<{ status: { token: string } }>(
      ServiceAccounts as never,
      { name: metadata.name, namespace: metadata.namespace ?? '', subresource: 'token' },
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { audiences: [], expirationSeconds: LIFETIME_SECONDS, boundObjectRef },
      },
    );
    return status.token;
  }
}

/** @param ca PEM, published beside the token; undefined: it is not. */
export const serviceAccountTokens = (deps: ControllerDeps, ca: string | undefined): Controller =>
  new ServiceAccountTokens(deps, ca);
