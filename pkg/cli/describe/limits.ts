import type { LimitRange, PodDisruptionBudget, PriorityClass, ResourceQuota } from '#api/kinds/index.ts';
import { flatMap, selectorText } from './values.ts';
import type { DescriptionWriter } from './writer.ts';

/** What each scope of a quota means, in words. */
const SCOPES: ReadonlyMap<string, string> = new Map([
  [
    'Terminating',
    'Matches all pods that have an active deadline. These pods have a limited lifespan on a node before being actively terminated by the system.',
  ],
  [
    'NotTerminating',
    'Matches all pods that do not have an active deadline. These pods usually include long running pods whose container command is not expected to terminate.',
  ],
  [
    'BestEffort',
    'Matches all pods that do not have resource requirements set. These pods have a best effort quality of service.',
  ],
  [
    'NotBestEffort',
    'Matches all pods that have at least one resource requirement set. These pods have a burstable or guaranteed quality of service.',
  ],
]);

/** @param within what stands before each line: a quota is also part of the description of its namespace */
export function quotaLines(w: DescriptionWriter, q: ResourceQuota, within: string): void {
  const scopes = [...(q.spec?.scopes ?? [])].sort();
  if (scopes.length > 0) w.line(0, `${within}Scopes:`, scopes.join(', '));
  for (const scope of scopes) {
    const text = SCOPES.get(scope);
    if (text) w.line(0, `${within || ' '}* ${text}`);
  }
  w.line(0, `${within}Resource`, 'Used', 'Hard');
  const rule = within ? '---' : '----';
  w.line(0, `${within}--------`, rule, rule);
  const hard = (q.status?.hard ?? {}) as Record<string, string>;
  const used = (q.status?.used ?? {}) as Record<string, string>;
  for (const name of Object.keys(hard).sort()) w.line(0, `${within}${name}`, used[name] ?? '0', hard[name] ?? '');
}

export function describeQuota(w: DescriptionWriter, q: ResourceQuota): void {
  w.line(0, 'Name:', q.metadata?.name ?? '');
  w.line(0, 'Namespace:', q.metadata?.namespace ?? '');
  quotaLines(w, q, '');
}

const COLUMNS = ['Resource', 'Min', 'Max', 'Default Request', 'Default Limit', 'Max Limit/Request Ratio'] as const;

/** @param within what stands before each line */
export function limitLines(w: DescriptionWriter, list: readonly LimitRange[], within: string): void {
  w.line(0, `${within}Type`, ...COLUMNS);
  w.line(0, `${within}----`, ...COLUMNS.map((c) => '-'.repeat(c.length)));
  for (const item of list.flatMap((l) => l.spec?.limits ?? [])) {
    const amounts = [item.min, item.max, item.defaultRequest, item.default, item.maxLimitRequestRatio];
    const names = new Set(amounts.flatMap((a) => Object.keys(a ?? {})));
    const cell = (a: (typeof amounts)[number], name: string): string =>
      String((a as Record<string, string> | undefined)?.[name] ?? '-');
    for (const name of [...names].sort())
      w.line(0, `${within}${item.type}`, name, ...amounts.map((a) => cell(a, name)));
  }
}

export function describeLimitRange(w: DescriptionWriter, l: LimitRange): void {
  w.line(0, 'Name:', l.metadata?.name ?? '');
  w.line(0, 'Namespace:', l.metadata?.namespace ?? '');
  limitLines(w, [l], '');
}

export function describeDisruptionBudget(w: DescriptionWriter, { metadata, spec, status }: PodDisruptionBudget): void {
  w.line(0, 'Name:', metadata?.name ?? '');
  w.line(0, 'Namespace:', metadata?.namespace ?? '');
  if (spec?.minAvailable !== undefined) w.line(0, 'Min available:', String(spec.minAvailable));
  else if (spec?.maxUnavailable !== undefined) w.line(0, 'Max unavailable:', String(spec.maxUnavailable));
  w.line(0, 'Selector:', spec?.selector ? selectorText(spec.selector) : '<unset>');
  w.line(0, 'Status:');
  w.line(2, 'Allowed disruptions:', status?.disruptionsAllowed ?? 0);
  w.line(2, 'Current:', status?.currentHealthy ?? 0);
  w.line(2, 'Desired:', status?.desiredHealthy ?? 0);
  w.line(2, 'Total:', status?.expectedPods ?? 0);
}

export function describePriorityClass(w: DescriptionWriter, p: PriorityClass): void {
  w.line(0, 'Name:', p.metadata?.name ?? '');
  w.line(0, 'Value:', p.value ?? 0);
  w.line(0, 'GlobalDefault:', String(p.globalDefault ?? false));
  w.line(0, 'PreemptionPolicy:', p.preemptionPolicy ?? '');
  w.line(0, 'Description:', p.description ?? '');
  w.line(0, 'Annotations:', flatMap(p.metadata?.annotations));
}
