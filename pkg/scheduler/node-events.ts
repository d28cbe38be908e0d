import type { Node } from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';
import type { EventType } from './framework/events.ts';

/** What changed between two versions of a node, as far as waiting pods may care. A heartbeat yields nothing. */
export function nodeChanges(old: Node, now: Node): EventType[] {
  const events: EventType[] = [];
  if (!sameJson(old.status?.allocatable, now.status?.allocatable)) events.push('node-resources');
  if (!sameJson(old.metadata?.labels, now.metadata?.labels)) events.push('node-labels');
  const tainted = (n: Node): unknown => [n.spec?.taints, n.spec?.unschedulable ?? false];
  if (!sameJson(tainted(old), tainted(now))) events.push('node-taints');
  return events;
}
