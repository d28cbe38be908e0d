import type { Node } from '#api/kinds/index.ts';
import type { Answer } from './answer.ts';

/** What a node is short of, by its condition. */
const PRESSURE: Readonly<Record<string, string>> = {
  MemoryPressure: 'memory',
  DiskPressure: 'disk space',
  PIDPressure: 'process numbers',
};

/** Why pods do not run on a node: undefined when it takes them. */
export function whyNode({ metadata, spec, status }: Node): Answer | undefined {
  const { name = '' } = metadata ?? {};
  const next = `cox describe node ${name}`;
  const { conditions = [] } = status ?? {};
  const said = (c: (typeof conditions)[number]): string => [c.reason, c.message].filter(Boolean).join(': ');
  const ready = conditions.find((c) => c.type === 'Ready');
  if (!ready) return { because: 'its agent has never reported', evidence: [], next };
  if (ready.status === 'Unknown') {
    const evidence = [said(ready), ready.lastHeartbeatTime ? `last heard of ${ready.lastHeartbeatTime}` : ''];
    return {
      because: 'its agent does not report any more: is the machine up, and does the agent run?',
      evidence,
      next,
    };
  }
  if (ready.status !== 'True') return { because: 'its agent says that it is not ready', evidence: [said(ready)], next };
  const short = conditions.find((c) => PRESSURE[c.type] && c.status === 'True');
  if (short)
    return {
      because: `it is short of ${PRESSURE[short.type]}: it takes no further pods that may do without, and ends some`,
      evidence: [said(short)],
      next: `cox get pods -A -o wide --field-selector spec.nodeName=${name}`,
    };
  if (spec?.unschedulable)
    return { because: 'it is cordoned: no new pods are placed on it', evidence: [], next: `cox uncordon ${name}` };
  return undefined;
}
