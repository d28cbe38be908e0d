import type { Pod } from '#api/kinds/index.ts';
import { ifPod } from '../framework/events.ts';
import type { Plugin, Reason } from '../framework/plugin.ts';
import { hostPortsOf, portsClash } from '../snapshot/node-info.ts';

const CLASH: readonly Reason[] = [{ text: "node(s) didn't have free ports for the requested pod ports" }];

const clash = (a: Pod, b: Pod): boolean => {
  const wanted = hostPortsOf(a);
  return hostPortsOf(b).some((used) => wanted.some((w) => portsClash(used, w)));
};

/** PodFitsHostPorts: no two pods of a node want the same host port. */
export const nodePorts: Plugin = {
  name: 'NodePorts',
  weight: 0,
  wakesOn: { 'node-added': true, 'pod-gone': ifPod(clash) },
  prepare(pod) {
    const wanted = hostPortsOf(pod);
    if (wanted.length === 0) return null;
    return {
      filter(node) {
        for (const used of node.ports.values()) {
          if (used.some((u) => wanted.some((w) => portsClash(u, w)))) return CLASH;
        }
        return null;
      },
    };
  },
};
