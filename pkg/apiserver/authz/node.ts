import { type PersistentVolumeClaim, PersistentVolumeClaims } from '#api/kinds/index.ts';
import { objectKey, type ResourceTable } from '../registry/resource.ts';
import type { UserInfo } from '../request/context.ts';
import { NODE_RULES } from './bootstrap/index.ts';
import { type NodePods, type References, referencesOf } from './node-pods.ts';
import { type AuthorizationRequest, type Authorizer, ruleAllows } from './rules.ts';

const NODE_PREFIX = 'system:node:';
const READ = new Set(['get', 'list', 'watch']);

/** The node a user speaks for; undefined for everybody else. */
export const nodeOf = (user: UserInfo): string | undefined =>
  user.groups.includes('system:nodes') && user.name.startsWith(NODE_PREFIX)
    ? user.name.slice(NODE_PREFIX.length)
    : undefined;

/**
 * What an agent may do because of the pods on its node: read the objects they refer to, by name, and ask for their
 * accounts' tokens, and what every agent may do ("Using Node Authorization").
 */
export class NodeAuthorizer implements Authorizer {
  readonly #resources: ResourceTable;
  readonly #pods: NodePods;

  constructor(resources: ResourceTable, pods: NodePods) {
    this.#resources = resources;
    this.#pods = pods;
  }

  allows(user: UserInfo, r: AuthorizationRequest): boolean {
    const node = nodeOf(user);
    if (node === undefined || !r.isResource) return false;
    return this.#allows(node, r) || NODE_RULES.some((rule) => ruleAllows(rule, r));
  }

  async allowsFresh(user: UserInfo, r: AuthorizationRequest): Promise<boolean> {
    if (nodeOf(user) === undefined) return false;
    await this.#pods.settle();
    return this.allows(user, r);
  }

  #allows(node: string, r: AuthorizationRequest): boolean {
    switch (`${r.group}/${r.resource}`) {
      case '/secrets':
      case '/configmaps':
      case '/persistentvolumeclaims':
        return READ.has(r.verb) && !r.subresource && this.#refers(node, r.resource as keyof References, r);
      case '/persistentvolumes':
        return READ.has(r.verb) && !r.subresource && this.#mounts(node, r.name);
      case '/serviceaccounts':
        if (r.subresource ? r.subresource !== 'token' || r.verb !== 'create' : r.verb !== 'get') return false;
        return this.#refers(node, 'serviceaccounts', r);
      case 'coordination.k8s.io/leases':
        return r.namespace === 'kube-node-lease' && (r.verb === 'create' || r.name === node);
      case 'storage.k8s.io/csinodes':
        return r.verb === 'create' || r.name === node;
      default:
        return false;
    }
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
