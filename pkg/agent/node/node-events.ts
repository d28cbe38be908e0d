import type { Node } from '#api/kinds/index.ts';

type Status = NonNullable<Node['status']>;

/** Something that became of a node. */
export interface NodeNews {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** Reasons by condition: when it holds, and when it does not. */
const REASONS: Readonly<Record<string, readonly [yes: string, no: string]>> = {
  MemoryPressure: ['NodeHasInsufficientMemory', 'NodeHasSufficientMemory'],
  DiskPressure: ['NodeHasDiskPressure', 'NodeHasNoDiskPressure'],
  PIDPressure: ['NodeHasInsufficientPID', 'NodeHasSufficientPID'],
  Ready: ['NodeReady', 'NodeNotReady'],
};

const stateNews = (name: string, reason: string): NodeNews => ({
  type: 'Normal',
  reason,
  message: `Node ${name} status is now: ${reason}`,
});

/** What is told of a node whose status was one and is another now, as the kubelet tells it. Pure. */
export function statusNews(name: string, before: Status, now: Status): NodeNews[] {
  const was = (type: string) => before.conditions?.find((c) => c.type === type)?.status;
  const turned = (now.conditions ?? []).flatMap(({ type, status }) => {
    const [yes, no] = REASONS[type] ?? [];
    // A node that is there for the first time has not become ready yet.
    const first = type === 'Ready' && was(type) === undefined;
    if (yes === undefined || no === undefined || first || was(type) === status) return [];
    return [stateNews(name, status === 'True' ? yes : no)];
  });
  const [old, boot] = [before.nodeInfo?.bootID, now.nodeInfo?.bootID];
  if (!old || !boot || old === boot) return turned;
  const message = `Node ${name} has been rebooted, boot id: ${boot}`;
  return [{ type: 'Warning', reason: 'Rebooted', message }, ...turned];
}

/** What is told when a node takes no new pods any more, or does so again. Pure. */
export const schedulingNews = (name: string, unschedulable: boolean): NodeNews =>
  stateNews(name, unschedulable ? 'NodeNotSchedulable' : 'NodeSchedulable');
