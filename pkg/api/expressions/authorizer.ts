import { EvaluationError, fn, type Library, Opaque } from '#cel/index.ts';

/** Kubernetes' authorizer library: what the user of a request, or a service account, may do. */
const PACKAGE = 'kubernetes.authorization';
export const AUTHORIZER = `${PACKAGE}.Authorizer`;
export const RESOURCE_CHECK = `${PACKAGE}.ResourceCheck`;
const PATH_CHECK = `${PACKAGE}.PathCheck`;
const GROUP_CHECK = `${PACKAGE}.GroupCheck`;
const DECISION = `${PACKAGE}.Decision`;

/** A question to the authorizer, without the verb. */
export interface AccessQuestion {
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** Somebody's permissions. */
export interface Permissions {
  allows(verb: string, question: AccessQuestion): boolean;
  /** Those of a service account instead. */
  ofServiceAccount(namespace: string, name: string): Permissions;
}

class Asking extends Opaque {
  readonly typeName: string;
  readonly permissions: Permissions;
  readonly question: AccessQuestion;
  constructor(typeName: string, permissions: Permissions, question: AccessQuestion = {}) {
    super();
    this.typeName = typeName;
    this.permissions = permissions;
    this.question = question;
  }
  equals(other: Opaque): boolean {
    return other === this;
  }
  with(typeName: string, more: AccessQuestion): Asking {
    return new Asking(typeName, this.permissions, { ...this.question, ...more });
  }
}

class Decision extends Opaque {
  readonly typeName = DECISION;
  readonly allowed: boolean;
  constructor(allowed: boolean) {
    super();
    this.allowed = allowed;
  }
  equals(other: Opaque): boolean {
    return other instanceof Decision && other.allowed === this.allowed;
  }
}

/** The value of `authorizer`. */
export const authorizerOf = (permissions: Permissions): Opaque => new Asking(AUTHORIZER, permissions);
/** The value of `authorizer.requestResource`. */
export const resourceCheckOf = (permissions: Permissions, question: AccessQuestion): Opaque =>
  new Asking(RESOURCE_CHECK, permissions, question);

const check = (a: Asking, verb: string): Decision => new Decision(a.permissions.allows(verb, a.question));

function serviceAccount(a: Asking, namespace: string, name: string): Asking {
  if (!namespace || !name) throw new EvaluationError('invalid service account: namespace and name must not be empty');
  return new Asking(AUTHORIZER, a.permissions.ofServiceAccount(namespace, name));
}

/** Each check is a look at the rules of the cluster: what kube-apiserver charges for one. */
const CHECK_COST = { cost: (): number => 350_000 };

export const authorizers: Library = {
  functions: [
    fn(`${AUTHORIZER}::path(string) ${PATH_CHECK}`, (a: Asking, path: string) => a.with(PATH_CHECK, { path })),
    fn(`${AUTHORIZER}::group(string) ${GROUP_CHECK}`, (a: Asking, group: string) => a.with(GROUP_CHECK, { group })),
    fn(`${AUTHORIZER}::serviceAccount(string, string) ${AUTHORIZER}`, serviceAccount),
    fn(`${GROUP_CHECK}::resource(string) ${RESOURCE_CHECK}`, (a: Asking, resource: string) =>
      a.with(RESOURCE_CHECK, { resource }),
    ),
    ...(['subresource', 'namespace', 'name'] as const).map((what) =>
      fn(`${RESOURCE_CHECK}::${what}(string) ${RESOURCE_CHECK}`, (a: Asking, text: string) =>
        a.with(RESOURCE_CHECK, { [what]: text }),
      ),
    ),
    // Rules of RBAC know no selectors: a narrower question has the same answer.
    fn(`${RESOURCE_CHECK}::fieldSelector(string) ${RESOURCE_CHECK}`, (a: Asking) => a),
    fn(`${RESOURCE_CHECK}::labelSelector(string) ${RESOURCE_CHECK}`, (a: Asking) => a),
    fn(`${RESOURCE_CHECK}::check(string) ${DECISION}`, check, CHECK_COST),
    fn(`${PATH_CHECK}::check(string) ${DECISION}`, check, CHECK_COST),
    fn(`${DECISION}::allowed() bool`, (d: Decision) => d.allowed),
    fn(`${DECISION}::reason() string`, () => ''),
    fn(`${DECISION}::errored() bool`, () => false),
    fn(`${DECISION}::error() string`, () => ''),
  ],
};
