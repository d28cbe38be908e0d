import type { Kind } from '#api/kind.ts';
import {
  ClusterRoleBindings,
  ClusterRoles,
  EndpointSlices,
  EndpointsResource,
  Namespaces,
  PriorityClasses,
  RoleBindings,
  Roles,
  Services,
} from '#api/kinds/index.ts';
import { copyJson } from '#api/meta/copy.ts';
import { sameJson } from '#api/meta/equal.ts';
import { isAlreadyExists, isInvalid, isNotFound } from '#api/meta/errors.ts';
import { familyOf } from '#api/meta/ip.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Logger } from '#process/logger.ts';
import { SYSTEM_PRIORITY_CLASSES } from '../admission/priority.ts';
import {
  BOOTSTRAP_ROLES,
  type BootstrapRole,
  NAMESPACED_ROLES,
  type NamespacedBootstrapRole,
} from '../authz/bootstrap/index.ts';
import { objectKey, type Resource, type ResourceTable } from '../registry/resource.ts';
import type { Target, Writer } from '../registry/writer.ts';
import type { WriteHandlers } from '../rest/write.ts';
import {
  clusterRole,
  clusterRoleBinding,
  namespacedRole,
  namespacedRoleBinding,
  updatedBinding,
  updatedRole,
} from './rbac-defaults.ts';
import { systemTarget } from './target.ts';

const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** What becomes of an object that is there already. */
type Update = (old: Stored<KubeObject>) => KubeObject;

/** It gets the fields given. */
const given =
  (object: KubeObject): Update =>
  (old) => ({ ...old, ...object, metadata: { ...old.metadata, ...object.metadata } });

export interface BootstrapOptions {
  /** First address of the service CIDR. */
  readonly kubernetesServiceIp: string;
  /** Where pods reach the API behind the `kubernetes` service. */
  readonly advertiseAddress: string;
  readonly advertisePort: number;
}

export interface BootstrapDeps {
  readonly resources: ResourceTable;
  readonly writer: Writer;
  readonly writes: WriteHandlers;
  readonly logger: Logger;
}

/** Creates what every cluster has from its first minute on; harmless to repeat and to run on several servers at once. */
export class Bootstrap {
  readonly #resources: ResourceTable;
  readonly #writer: Writer;
  readonly #writes: WriteHandlers;
  readonly #logger: Logger;
  readonly #options: BootstrapOptions;
  #complete = true;

  constructor(deps: BootstrapDeps, options: BootstrapOptions) {
    this.#logger = deps.logger;
    this.#resources = deps.resources;
    this.#writer = deps.writer;
    this.#writes = deps.writes;
    this.#options = options;
  }

  /** @returns whether all is as it should be; otherwise call it again later. @throws when something does not exist at all */
  async run(): Promise<boolean> {
    this.#complete = true;
    await Promise.all(SYSTEM_NAMESPACES.map((name) => this.#ensure(Namespaces as never, { metadata: { name } })));
    await Promise.all(SYSTEM_PRIORITY_CLASSES.map((c) => this.#ensure(PriorityClasses as never, c)));
    await this.#kubernetesService();
    await Promise.all(BOOTSTRAP_ROLES.map((role) => this.#clusterRole(role)));
    await Promise.all(NAMESPACED_ROLES.map((role) => this.#role(role)));
    return this.#complete;
  }

  #target(kind: Kind, object: KubeObject): Target {
    const { name = '', namespace = '' } = object.metadata ?? {};
    const resource = this.#resources.of(kind) as Resource;
    return systemTarget(resource, name, namespace);
  }

  /** As the cache has it, which was loaded a moment ago. */
  #held({ resource, namespace, name }: Target): Stored<KubeObject> | undefined {
    return resource.cache.get(objectKey(resource.kind, namespace, name))?.object;
  }

  /**
   * What is there is not written again: each write asks webhooks, and one of those that cannot be reached yet, because the
   * whole cluster is starting, must not keep the server from starting.
   */
  async #ensure(kind: Kind, object: KubeObject): Promise<void> {
    const target = this.#target(kind, object);
    if (!this.#held(target)) await this.#create(target, object);
  }

  /** @returns false: another server was first */
  async #create(target: Target, object: KubeObject): Promise<boolean> {
    try {
      await this.#writer.create(target, copyJson(object));
      return true;
    } catch (e) {
      if (!isAlreadyExists(e)) throw e;
      return false;
    }
  }

  /** Creates the object, or brings an existing one up to date. */
  async #sync(kind: Kind, object: KubeObject, update: Update = given(object)): Promise<void> {
    const target = this.#target(kind, object);
    const held = this.#held(target);
    if (held ? sameJson(update(held), held) : await this.#create(target, object)) return;
    try {
      await this.#writes.change(target, (old) => copyJson(update(old)));
    } catch (e) {
      if (isNotFound(e) && (await this.#create(target, object))) return;
      if (!held) throw e;
      this.#complete = false;
      this.#logger.warn(
        { err: e, name: target.name, kind: kind.kind },
        'a system object will be brought up to date later',
      );
    }
  }

  async #kubernetesService(): Promise<void> {
    const { kubernetesServiceIp, advertiseAddress, advertisePort } = this.#options;
    const meta = { name: 'kubernetes', namespace: 'default' };
    const ports = [{ name: 'https', port: advertisePort, protocol: 'TCP' as const }];
    try {
      await this.#ensure(
        Services as never,
        {
          metadata: { ...meta, labels: { component: 'apiserver', provider: 'kubernetes' } },
          spec: {
            type: 'ClusterIP',
            clusterIP: kubernetesServiceIp,
            ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: advertisePort }],
          },
        } as KubeObject,
      );
    } catch (e) {
      // Two servers starting at once race for the address before one of them sees the other's Service.
      if (!isInvalid(e)) throw e;
    }
    await this.#sync(
      EndpointsResource as never,
      {
        metadata: { ...meta, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
        subsets: [{ addresses: [{ ip: advertiseAddress }], ports }],
      } as KubeObject,
    );
    await this.#sync(
      EndpointSlices as never,
      {
        metadata: { ...meta, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
        addressType: familyOf(advertiseAddress),
        endpoints: [{ addresses: [advertiseAddress], conditions: { ready: true } }],
        ports,
      } as KubeObject,
    );
  }

  async #clusterRole(role: BootstrapRole): Promise<void> {
    const wanted = clusterRole(role);
    await this.#sync(ClusterRoles as never, wanted, (old) => updatedRole(old, wanted));
    const binding = clusterRoleBinding(role);
    if (binding) await this.#sync(ClusterRoleBindings as never, binding, (old) => updatedBinding(old, binding));
  }

  async #role(role: NamespacedBootstrapRole): Promise<void> {
    const wanted = namespacedRole(role);
    await this.#sync(Roles as never, wanted, (old) => updatedRole(old, wanted));
    const binding = namespacedRoleBinding(role);
    await this.#sync(RoleBindings as never, binding, (old) => updatedBinding(old, binding));
  }
}
