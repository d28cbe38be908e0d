import { NONE, UNKNOWN } from '../print/columns.ts';
import type { HorizontalPodAutoscaler } from './horizontalpodautoscaler.ts';
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from './metrics.ts';

const SHOWN = 2;

const percent = (n: number | undefined): string => (n === undefined ? UNKNOWN : `${n}%`);

/** "cpu: 12%/80%" or "3/10": now and wanted. */
function pairText(target: MetricTarget | undefined, now: MetricValueStatus | undefined): string {
  if (target?.averageUtilization !== undefined) {
    return `${percent(now?.averageUtilization)}/${target.averageUtilization}%`;
  }
  if (target?.averageValue !== undefined) return `${now?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`;
  return `${now?.value ?? UNKNOWN}/${target?.value ?? UNKNOWN}`;
}

function metricText(m: MetricSpec, status: MetricStatus | undefined): string {
  switch (m.type) {
    case 'Resource': {
      const text = pairText(m.resource?.target, status?.resource?.current).replace(' (avg)', '');
      return `${m.resource?.name}: ${text}`;
    }
    case 'ContainerResource': {
      const text = pairText(m.containerResource?.target, status?.containerResource?.current).replace(' (avg)', '');
      return `${m.containerResource?.name}: ${text}`;
    }
    case 'Pods':
      return pairText(m.pods?.target, status?.pods?.current).replace(' (avg)', '');
    case 'Object':
      return pairText(m.object?.target, status?.object?.current);
    case 'External':
      return pairText(m.external?.target, status?.external?.current);
    default:
      return '<unknown type>';
  }
}

/** The TARGETS column: the first two metrics, then how many more. */
export function targetsText(o: HorizontalPodAutoscaler): string {
  const metrics = o.spec?.metrics ?? [];
  if (metrics.length === 0) return NONE;
  const statuses = o.status?.currentMetrics ?? [];
  const shown = metrics.slice(0, SHOWN).map((m, i) => metricText(m, statuses[i]));
  const text = shown.join(', ');
  return metrics.length > SHOWN ? `${text} + ${metrics.length - SHOWN} more...` : text;
}
