import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Resource } from '../registry/resource.ts';
import type { UserInfo } from '../request/context.ts';

/** What an admission plugin is told of a write: "Admission Controllers" in the Kubernetes docs. */
export interface Attributes {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly resource: Resource;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** The new object; mutating plugins change it in place. Absent for DELETE. */
  readonly object?: KubeObject;
  readonly oldObject?: Stored<KubeObject>;
  readonly user: UserInfo;
  readonly dryRun: boolean;
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
      for (const p of plugins) if (p.admit) await p.admit(a);
    },
    async validate(a) {
      for (const p of plugins) if (p.validate) await p.validate(a);
    },
  };
}
