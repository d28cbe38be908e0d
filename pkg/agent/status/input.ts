import type { Container, ContainerStatus, Pod } from '#api/kinds/index.ts';
import type { Failure } from '../pods/deadline.ts';
import type { PendingResize } from '../pods/resize.ts';
import type { ContainerRecord } from '../runtime/types.ts';
import type { PodRuntime } from '../runtime/view.ts';

/** All a status is made of. */
export interface StatusInput {
  /** With the status it had before. */
  readonly pod: Pod;
  readonly runtime: PodRuntime;
  /** One of each address family at most; none while there is no network. */
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
  readonly now: number;
  readonly startedAt: number;
  /** Why its node ended the pod, when it did. */
  readonly failure: Failure | undefined;
  /** Why a change of its resources waits. */
  readonly pendingResize?: PendingResize | undefined;
  /** Nothing of the pod runs, and nothing will be started. */
  readonly over: boolean;
  /** Why a container waits, when it is not just being created. */
  readonly waiting: (container: string) => { readonly reason: string; readonly message: string } | undefined;
  /** What a container left as its last words, by record id; '' for nothing. */
  readonly message: (recordId: string) => string;
  /** Results of readiness and startup probes by record id; true where there is no probe. */
  readonly ready: (record: ContainerRecord, container: Container) => boolean;
  readonly started: (record: ContainerRecord, container: Container) => boolean;
  readonly imageId: (image: string) => string;
}

/** The statuses of a pod's containers, each list in the order of the spec. */
export interface ContainerStatuses {
  readonly init: readonly ContainerStatus[];
  readonly app: readonly ContainerStatus[];
  readonly ephemeral: readonly ContainerStatus[];
}
