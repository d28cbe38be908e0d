import type { Pod } from '#api/kinds/index.ts';
import { wholeValue } from '#api/meta/quantity.ts';
import { allContainers } from '../pods/containers.ts';
import { type Shortage, SIGNALS } from './thresholds.ts';

const KIB = 1024;
const UNITS = ['', 'Ki', 'Mi', 'Gi', 'Ti'] as const;

/** A number as Kubernetes prints quantities of bytes: 41943040 is 40Mi, what no unit divides stays as it is. Pure. */
function binary(n: number): string {
  let [whole, unit] = [Math.floor(n), 0];
  for (; whole > 0 && whole % KIB === 0 && unit < UNITS.length - 1; unit++) whole /= KIB;
  return `${whole}${UNITS[unit]}`;
}

/**
 * Why a pod was evicted, in Kubernetes' words: what the node was low on, and which of its containers used more of it than they
 * asked for. Pure.
 * @param used bytes by container, as far as they are known
 */
export function evictionMessage(s: Shortage, pod: Pod, used: ReadonlyMap<string, number>): string {
  const { resource } = SIGNALS[s.threshold.signal];
  const least = s.threshold.text.endsWith('%') ? binary(s.least) : s.threshold.text;
  const offenders = allContainers(pod).flatMap((c) => {
    const [request, usage] = [c.resources?.requests?.[resource] ?? '0', used.get(c.name) ?? 0];
    if (usage <= wholeValue(request)) return [];
    return `Container ${c.name} was using ${binary(usage)}, request is ${request}, has larger consumption of ${resource}. `;
  });
  const head = `The node was low on resource: ${resource}. Threshold quantity: ${least}, available: ${binary(s.available)}. `;
  return head + offenders.join('');
}
