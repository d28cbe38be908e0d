import type { HorizontalPodAutoscaler } from '#api/kinds/index.ts';
import { head, timeText } from './values.ts';
import type { DescriptionWriter } from './writer.ts';

type Spec = NonNullable<HorizontalPodAutoscaler['spec']>;
type Metric = NonNullable<Spec['metrics']>[number];
type Current = NonNullable<NonNullable<HorizontalPodAutoscaler['status']>['currentMetrics']>[number];
type Rules = NonNullable<NonNullable<Spec['behavior']>['scaleUp']>;

/** Amounts as a metric wants or has them. */
interface Amounts {
  readonly averageUtilization?: number;
  readonly averageValue?: unknown;
  readonly value?: unknown;
}

const UNKNOWN = '<unknown>';
const PERCENT = ' (as a percentage of request)';
const amount = (v: unknown): string => (v === undefined ? UNKNOWN : String(v));

/** What is measured of resources: "12% (12m) / 80%". */
function resourceLine(name: string, target: Amounts, current: Amounts | undefined): readonly [string, string] {
  if (target.averageUtilization === undefined)
    return [`${name}:`, `${amount(current?.averageValue)} / ${amount(target.averageValue)}`];
  const now =
    current?.averageUtilization === undefined
      ? UNKNOWN
      : `${current.averageUtilization}% (${amount(current.averageValue)})`;
  return [`${name} ${PERCENT}:`, `${now} / ${target.averageUtilization}%`];
}

/** What is measured otherwise: its value, or that of a pod. */
function valueLine(name: string, target: Amounts, current: Amounts | undefined): readonly [string, string] {
  if (target.averageValue !== undefined)
    return [`${name} (target average value):`, `${amount(current?.averageValue)} / ${amount(target.averageValue)}`];
  return [`${name} (target value):`, `${amount(current?.value)} / ${amount(target.value)}`];
}

function metricLine(m: Metric, now: Current | undefined): readonly [string, string] {
  if (m.resource) return resourceLine(`resource ${m.resource.name} on pods`, m.resource.target, now?.resource?.current);
  if (m.containerResource) {
    const { name, container, target } = m.containerResource;
    return resourceLine(
      `resource ${name} of container "${container}" on pods`,
      target,
      now?.containerResource?.current,
    );
  }
  if (m.pods) {
    const { metric, target } = m.pods;
    return [
      `"${metric.name}" on pods:`,
      `${amount(now?.pods?.current?.averageValue)} / ${amount(target.averageValue)}`,
    ];
  }
  if (m.object) {
    const { metric, describedObject: o, target } = m.object;
    return valueLine(`"${metric.name}" on ${o.kind}/${o.name}`, target, now?.object?.current);
  }
  if (m.external) return valueLine(`"${m.external.metric.name}"`, m.external.target, now?.external?.current);
  return [`<unknown metric type "${m.type}">`, ''];
}

function direction(w: DescriptionWriter, title: string, rules: Rules | undefined): void {
  if (!rules) return;
  w.line(1, title);
  if (rules.stabilizationWindowSeconds !== undefined)
    w.line(2, `Stabilization Window: ${rules.stabilizationWindowSeconds} seconds`);
  const policies = rules.policies ?? [];
  if (policies.length === 0) return;
  w.line(2, `Select Policy: ${rules.selectPolicy ?? 'Max'}`);
  w.line(2, 'Policies:');
  for (const p of policies) w.line(3, `- Type: ${p.type}`, `Value: ${p.value}`, `Period: ${p.periodSeconds} seconds`);
}

export function describeAutoscaler(w: DescriptionWriter, hpa: HorizontalPodAutoscaler): void {
  const { spec, status } = hpa;
  head(w, hpa);
  w.line(0, 'CreationTimestamp:', timeText(hpa.metadata?.creationTimestamp));
  const { kind = '', name = '' } = spec?.scaleTargetRef ?? {};
  w.line(0, 'Reference:', `${kind}/${name}`);
  w.line(0, 'Metrics:', '( current / target )');
  for (const [i, m] of (spec?.metrics ?? []).entries()) w.line(1, ...metricLine(m, status?.currentMetrics?.[i]));
  w.line(0, 'Min replicas:', spec?.minReplicas ?? '<unset>');
  w.line(0, 'Max replicas:', spec?.maxReplicas ?? 0);
  if (spec?.behavior) {
    w.line(0, 'Behavior:');
    direction(w, 'Scale Up:', spec.behavior.scaleUp);
    direction(w, 'Scale Down:', spec.behavior.scaleDown);
  }
  w.line(0, `${kind} pods:`, `${status?.currentReplicas ?? 0} current / ${status?.desiredReplicas ?? 0} desired`);
  const conditions = status?.conditions ?? [];
  if (conditions.length === 0) return;
  w.line(0, 'Conditions:');
  w.line(1, 'Type', 'Status', 'Reason', 'Message');
  w.line(1, '----', '------', '------', '-------');
  for (const c of conditions) w.line(1, c.type, c.status, c.reason ?? '', c.message ?? '');
}
