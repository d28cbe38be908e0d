import { claimKeys } from '#api/scheduling/volume-match.ts';
import { ifOwnClaim } from '../framework/events.ts';
import type { Plugin, Reason } from '../framework/plugin.ts';

const ELSEWHERE: readonly Reason[] = [{ text: 'node(s) had no available volume zone', unresolvable: true }];
/** A volume may be in several zones: "a__b". */
const SEPARATOR = '__';
/** Labels of volumes, older ones among them, and those of nodes that mean the same. */
const CURRENT: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
};
const LABELS = [...Object.values(CURRENT), ...Object.keys(CURRENT)];

/** Volumes that say by labels where they are can be used by nodes there only. */
export const volumeZone: Plugin = {
  name: 'VolumeZone',
  weight: 0,
  wakesOn: { claim: ifOwnClaim, volume: true, 'storage-class': true, 'node-added': true, 'node-labels': true },
  prepare(pod, state) {
    const places = claimKeys(pod).flatMap((key) => {
      const volume = state.storage.volume(state.storage.claim(key)?.spec?.volumeName ?? '');
      const labels = volume?.metadata.labels ?? {};
      return LABELS.flatMap((l) => (labels[l] === undefined ? [] : [{ label: l, zones: labels[l].split(SEPARATOR) }]));
    });
    if (places.length === 0) return null;
    return {
      filter({ node }) {
        const labels = node.metadata.labels ?? {};
        // A node without any such label is in a cluster that does not think in zones.
        if (!LABELS.some((l) => l in labels)) return null;
        return places.every((p) => p.zones.includes(labels[p.label] ?? labels[CURRENT[p.label] ?? ''] ?? ''))
          ? null
          : ELSEWHERE;
      },
    };
  },
};
