import { ifNode } from '../framework/events.ts';
import type { Plugin, Reason } from '../framework/plugin.ts';

const MISMATCH: readonly Reason[] = [{ text: "node(s) didn't match the requested node name", unresolvable: true }];

/** PodFitsHost. A pod that names its node never reaches the scheduler; this guards races with whoever set it. */
export const nodeName: Plugin = {
  name: 'NodeName',
  weight: 0,
  wakesOn: { 'node-added': ifNode(({ spec }, node) => spec?.nodeName === node.metadata.name) },
  prepare(pod) {
    const wanted = pod.spec?.nodeName;
    return wanted ? { filter: (node) => (node.name === wanted ? null : MISMATCH) } : null;
  },
};
