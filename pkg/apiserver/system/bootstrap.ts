import type { Kind } from '#api/kind.ts';
import {
  ClusterRoleBindings,
  ClusterRoles,
  EndpointSlices,
  EndpointsResource,
  Namespaces,
  Services,
} from '#api/kinds/index.ts';
import { isAlreadyExists, isInvalid, isNotFound } from '#api/meta/errors.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import { BOOTSTRAP_ROLES } from '../authz/bootstrap-policy.ts';
import type { Resource, ResourceTable } from '../registry/resource.ts';
import type { Target, Writer } from '../registry/writer.ts';
import type { WriteHandlers } from '../rest/write.ts';

const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const USER = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };

export interface BootstrapOptions {
  /** First address of the service CIDR. */
  readonly kubernetesServiceIp: string;
  /** Where pods reach the API behind the `kubernetes` service. */
  readonly advertiseAddress: string;
  readonly advertisePort: number;
}

/** Creates what every cluster has from its first minute on; harmless to repeat and to run on several servers at once. */
export class Bootstrap {
  readonly #resources: ResourceTable;
  readonly #writer: Writer;
  readonly #writes: WriteHandlers;
  readonly #options: BootstrapOptions;

  constructor(deps: { resources: ResourceTable; writer: Writer; writes: WriteHandlers }, options: BootstrapOptions) {
    this.#resources = deps.resources;
    this.#writer = deps.writer;
    this.#writes = deps.writes;
    this.#options = options;
  }

  async run(): Promise<void> {
    await Promise.all(SYSTEM_NAMESPACES.map((name) => this.#ensure(Namespaces as never, { metadata: { name } })));
    await this.#kubernetesService();
    await Promise.all(BOOTSTRAP_ROLES.map((role) => this.#role(role)));
  }

  #target(kind: Kind, object: KubeObject): Target {
    const { name = '', namespace = '' } = object.metadata ?? {};
    const resource = this.#resources.of(kind) as Resource;
    const options = { dryRun: false, fieldManager: 'kube-apiserver', fieldValidation: 'Ignore' as const };
    return { resource, namespace, name, subresource: '', user: USER, options };
  }

  async #ensure(kind: Kind, object: KubeObject): Promise<void> {
    try {
      await this.#writer.create(this.#target(kind, object), structuredClone(object));
    } catch (e) {
      if (!isAlreadyExists(e)) throw e;
    }
  }

  /** Creates the object, or brings the given fields of an existing one up to date. */
  async #sync(kind: Kind, object: KubeObject): Promise<void> {
    const update = (old: Stored<KubeObject>): KubeObject => ({
      ...structuredClone(old),
      ...structuredClone(object),
      metadata: { ...old.metadata, ...object.metadata },
    });
    try {
      await this.#writes.change(this.#target(kind, object), update);
    } catch (e) {
      if (!isNotFound(e)) throw e;
      await this.#ensure(kind, object);
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
        addressType: 'IPv4',
        endpoints: [{ addresses: [advertiseAddress], conditions: { ready: true } }],
        ports,
      } as KubeObject,
    );
  }

  async #role(role: (typeof BOOTSTRAP_ROLES)[number]): Promise<void> {
    const meta = {
      name: role.name,
      labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...role.labels },
      annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
    };
    await this.#sync(ClusterRoles as never, { metadata: meta, rules: role.rules } as KubeObject);
    const subject = (kind: string) => (name: string) => ({ kind, name, apiGroup: 'rbac.authorization.k8s.io' });
    const subjects = [...(role.groups ?? []).map(subject('Group')), ...(role.users ?? []).map(subject('User'))];
    if (subjects.length === 0) return;
    await this.#sync(
      ClusterRoleBindings as never,
      {
        metadata: meta,
        subjects,
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role.name },
      } as KubeObject,
    );
  }
}
