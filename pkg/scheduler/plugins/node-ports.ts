import type { Plugin, Reason } from '../framework/plugin.ts';
import { hostPortsOf, portsClash } from '../snapshot/node-info.ts';

const CLASH: readonly Reason[] = [{ text: "node(s) didn't have free ports for the requested pod ports" }];

/** PodFitsHostPorts: no two pods of a node want the same host port. */
export const nodePorts: Plugin = {
  name: 'NodePorts',
  weight: 0,
  wakesOn: ['node-added', 'pod-gone'],
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
