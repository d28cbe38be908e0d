import { type PersistentVolumeClaim, PersistentVolumeClaims } from '#api/kinds/index.ts';
import { objectKey, type ResourceTable } from '../registry/resource.ts';
import type { UserInfo } from '../request/context.ts';
import { NODE_RULES, UNSELECTED_NODE_RULES } from './bootstrap/index.ts';
import { type NodePods, type References, referencesOf } from './node-pods.ts';
import { type AuthorizationRequest, type Authorizer, type PolicyRule, ruleAllows } from './rules.ts';

const NODE_PREFIX = 'system:node:';
const READ = new Set(['get', 'list', 'watch']);

/** The node a user speaks for; undefined for everybody else. */
export const nodeOf = (user: UserInfo): string | undefined =>
  user.groups.includes('system:nodes') && user.name.startsWith(NODE_PREFIX)
    ? user.name.slice(NODE_PREFIX.length)
    : undefined;

/** Allowed, or why not, in the words of Kubernetes; "": it has none. */
type Verdict = true | string;
const verdict = (allowed: boolean, objection = ''): Verdict => allowed || objection;

/** A node reads its own Node alone; which one it writes, admission decides. */
function onNodes(node: string, { verb, subresource, name }: AuthorizationRequest): Verdict {
  const writes = verb === 'update' || verb === 'patch';
  if (subresource) return verdict(subresource === 'status' && writes);
  if (!READ.has(verb)) return verdict(writes || verb === 'create');
  // By name and not by what there is: it is asked for before it has been made.
  if (name === node) return true;
  return name
    ? `node '${node}' cannot read '${name}', only its own Node object`
    : `node '${node}' cannot read all nodes, only its own Node object`;
}

/** About an object that concerns a node or not. */
const related = (node: string, { name }: AuthorizationRequest, isRelated: boolean): Verdict =>
  verdict(isRelated, name ? `no relationship found between node '${node}' and this object` : 'No Object name found');

export interface NodeAuthorizerOptions {
  /** Whether nodes read no other Node and no pods of others (AuthorizeNodeWithSelectors); default: so it is. */
  readonly withSelectors?: boolean;
}

/**
 * What an agent may do because of the pods on its node: read these and the objects they refer to, by name, and ask for their
 * accounts' tokens, and what every agent may do ("Using Node Authorization").
 */
export class NodeAuthorizer implements Authorizer {
  readonly #resources: ResourceTable;
  readonly #pods: NodePods;
  readonly #withSelectors: boolean;
  readonly #rules: readonly PolicyRule[];

  constructor(resources: ResourceTable, pods: NodePods, { withSelectors = true }: NodeAuthorizerOptions = {}) {
    this.#resources = resources;
    this.#pods = pods;
    this.#withSelectors = withSelectors;
    this.#rules = withSelectors ? NODE_RULES : [...NODE_RULES, ...UNSELECTED_NODE_RULES];
  }

  allows(user: UserInfo, r: AuthorizationRequest): boolean {
    return this.#verdict(user, r) === true;
  }

  async allowsFresh(user: UserInfo, r: AuthorizationRequest): Promise<boolean> {
    if (nodeOf(user) === undefined) return false;
    await this.#pods.settle();
    return this.allows(user, r);
  }

  objectionTo(user: UserInfo, r: AuthorizationRequest): string | undefined {
    const found = this.#verdict(user, r);
    return found === true || !found ? undefined : found;
  }

  #verdict(user: UserInfo, r: AuthorizationRequest): Verdict {
    const node = nodeOf(user);
    if (node === undefined || !r.isResource) return '';
    switch (`${r.group}/${r.resource}`) {
      case '/nodes':
        return this.#withSelectors ? onNodes(node, r) : this.#always(r);
      case '/pods':
        return this.#withSelectors ? this.#onPods(node, r) : this.#always(r);
      case '/secrets':
      case '/configmaps':
      case '/persistentvolumeclaims':
        if (!READ.has(r.verb) || r.subresource) return '';
        return related(node, r, this.#refers(node, r.resource as keyof References, r));
      case '/persistentvolumes':
        if (!READ.has(r.verb) || r.subresource) return '';
        return related(node, r, this.#mounts(node, r.name));
      case '/serviceaccounts':
        if (r.subresource ? r.subresource !== 'token' || r.verb !== 'create' : r.verb !== 'get') return '';
        return related(node, r, this.#refers(node, 'serviceaccounts', r));
      case 'coordination.k8s.io/leases':
        return verdict(r.namespace === 'kube-node-lease' && (r.verb === 'create' || r.name === node));
      case 'storage.k8s.io/csinodes':
        return verdict(r.verb === 'create' || r.name === node);
      default:
        return this.#always(r);
    }
  }

  /** What does not depend on the node. */
  #always(r: AuthorizationRequest): Verdict {
    return verdict(this.#rules.some((rule) => ruleAllows(rule, r)));
  }

  #onPods(node: string, r: AuthorizationRequest): Verdict {
    if (r.subresource || !READ.has(r.verb)) return this.#always(r);
    if (r.verb !== 'get') {
      if (r.fields?.some((f) => f.field === 'spec.nodeName' && f.value === node)) return true;
      if (!r.name) return 'can only list/watch pods with spec.nodeName field selector';
    }
    return related(node, r, this.#has(node, r));
  }

  #has(node: string, r: AuthorizationRequest): boolean {
    for (const { metadata } of this.#pods.on(node))
      if (metadata?.namespace === r.namespace && metadata.name === r.name) return true;
    return false;
  }

  #refers(node: string, what: keyof References, r: AuthorizationRequest): boolean {
    if (!r.name) return false;
    for (const pod of this.#pods.on(node)) {
      if (pod.metadata?.namespace === r.namespace && referencesOf(pod)[what].has(r.name)) return true;
    }
    return false;
  }

  #mounts(node: string, volume: string): boolean {
    if (!volume) return false;
    const claims = this.#resources.of(PersistentVolumeClaims);
    for (const pod of this.#pods.on(node)) {
      for (const name of referencesOf(pod).persistentvolumeclaims) {
        const key = objectKey(claims.kind as never, pod.metadata?.namespace ?? '', name);
        const claim = claims.cache.get(key)?.object as PersistentVolumeClaim | undefined;
        if (claim?.spec?.volumeName === volume) return true;
      }
    }
    return false;
  }
}
