import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { ObjectSchema } from '#api/schema/schema.ts';
import type { AuditAnnotations } from '../audit/annotations.ts';
import type { Resource } from '../registry/resource.ts';
import type { UserInfo } from '../request/context.ts';

/** A kind whose objects are not those of a resource. */
export interface ObjectKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Unset where nobody may change the object. */
  readonly schema?: ObjectSchema;
}

/** What an admission plugin is told of a write: "Admission Controllers" in the Kubernetes docs. */
export interface Attributes {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  /** As the objects are stored. */
  readonly resource: Resource;
  /** The version the client asked for, when it is another one. */
  readonly asked?: Resource;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** The new object; mutating plugins change it in place. Absent for DELETE. */
  readonly object?: KubeObject;
  /**
   * Is told when the object was changed, by whoever may change objects of any kind. Plugins that change those of certain
   * built-in kinds need not tell.
   */
  readonly onChange?: () => void;
  readonly oldObject?: Stored<KubeObject>;
  /** Kind of the object, where it is not the resource's: of connections, bindings, evictions. */
  readonly objectKind?: ObjectKind;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** Texts for `Warning` headers. */
  readonly warnings: string[];
  /** Absent for a request that the audit log does not have. */
  readonly annotations?: AuditAnnotations | undefined;
}

/** A plugin refuses by throwing a StatusError. `admit` may change `object`; `validate` must not. */
export interface AdmissionPlugin {
  readonly name: string;
  admit?(a: Attributes): void | Promise<void>;
  validate?(a: Attributes): void | Promise<void>;
}

/** Runs all mutating plugins in order, later all validating ones. */
export interface Admission {
  admit(a: Attributes): Promise<void>;
  validate(a: Attributes): Promise<void>;
}

export function admissionChain(plugins: readonly AdmissionPlugin[]): Admission {
  return {
    async admit(a) {
      // Most plugins have nothing to wait for: what they return tells.
      for (const p of plugins) {
        const pending = p.admit?.(a);
        if (pending) await pending;
      }
    },
    async validate(a) {
      for (const p of plugins) {
        const pending = p.validate?.(a);
        if (pending) await pending;
      }
    },
  };
}

/** Is it a write of this resource itself, by one of the operations? */
export const concerns = (a: Attributes, group: string, plural: string, ...operations: string[]): boolean =>
  a.resource.kind.plural === plural &&
  a.resource.kind.group === group &&
  a.subresource === '' &&
  operations.includes(a.operation);
