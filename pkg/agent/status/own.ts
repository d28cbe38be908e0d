import type { PodStatus } from '#api/kinds/index.ts';
import { isOwn, PASSING_CONDITIONS } from './conditions.ts';

const FIELDS = [
  'phase',
  'reason',
  'message',
  'hostIP',
  'hostIPs',
  'podIP',
  'podIPs',
  'startTime',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
] as const;

/** The part of a pod's status that its node writes; the rest belongs to others. */
export type OwnStatus = Pick<PodStatus, (typeof FIELDS)[number] | 'conditions'>;

export function ownPart(status: PodStatus): OwnStatus {
  const own: Record<string, unknown> = {};
  for (const f of FIELDS) if (status[f] !== undefined) own[f] = status[f];
  own.conditions = (status.conditions ?? []).filter(isOwn);
  return own as OwnStatus;
}

/**
 * A strategic merge patch that makes the node's part exactly `own` and leaves conditions of others as they are, whoever
 * wrote them meanwhile.
 */
export function statusPatch(own: OwnStatus, shown: PodStatus): object {
  const patch: Record<string, unknown> = { ...own };
  for (const f of FIELDS) if (own[f] === undefined && shown[f] !== undefined) patch[f] = null;
  // Items merge by their keys: what is no longer there must be said.
  const there = new Set(own.conditions?.map((c) => c.type));
  patch.conditions = [
    ...(own.conditions ?? []).map((c) => ({ reason: null, message: null, ...c })),
    ...PASSING_CONDITIONS.filter((type) => !there.has(type)).map((type) => ({ $patch: 'delete', type })),
  ];
  for (const f of ['hostIPs', 'podIPs'] as const) {
    if (own[f]) patch[f] = [{ $patch: 'replace' }, ...own[f]];
  }
  return patch;
}
