import { MAX_SCORE, type Plugin } from '../framework/plugin.ts';
import { imageName } from '../snapshot/image-nodes.ts';

const MIB = 1024 * 1024;
/** Less than this is not worth a thought; more than the maximum (for each container) counts no further. */
const MIN_BYTES = 23 * MIB;
const MAX_BYTES_PER_CONTAINER = 1000 * MIB;

/**
 * Prefers nodes that have the pod's images already. An image counts by the share of nodes that have it, so that the
 * first node to pull one does not draw all pods to itself.
 */
export const imageLocality: Plugin = {
  name: 'ImageLocality',
  weight: 1,
  wakesOn: {},
  prepare({ spec }, state) {
    const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
    const images = containers
      .map((c) => imageName(c.image ?? ''))
      .map((name) => ({ name, share: state.images.nodesWith(name) / Math.max(state.nodes().length, 1) }))
      .filter((i) => i.share > 0);
    if (images.length === 0) return null;
    const max = MAX_BYTES_PER_CONTAINER * containers.length;
    return {
      score(node) {
        const bytes = images.reduce((sum, i) => sum + state.images.size(node.name, i.name) * i.share, 0);
        return ((Math.min(Math.max(bytes, MIN_BYTES), max) - MIN_BYTES) * MAX_SCORE) / (max - MIN_BYTES);
      },
    };
  },
};
