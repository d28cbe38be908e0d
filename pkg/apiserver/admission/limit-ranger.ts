import {
  type LimitRange,
  type LimitRangeItem,
  LimitRanges,
  type PersistentVolumeClaim,
  type Pod,
} from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import { addQuantities, compareQuantities, milliValue } from '#api/meta/quantity.ts';
import type { Lookup } from './lookup.ts';
import { type AdmissionPlugin, concerns } from './types.ts';

type Amounts = Readonly<Record<string, string>>;
type PodSpec = NonNullable<Pod['spec']>;
type Container = PodSpec['containers'][number];

const ANNOTATION = 'kubernetes.io/limit-ranger';

/** What is asked of the bounds: one container, the whole pod, or a claim. */
interface Asked {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

function below(type: string, name: string, bound: string, asked: Asked): string[] {
  const { [name]: request } = asked.requests;
  const { [name]: limit } = asked.limits;
  const head = `minimum ${name} usage per ${type} is ${bound}`;
  if (request === undefined) return [`${head}.  No request is specified`];
  if (compareQuantities(request, bound) < 0) return [`${head}, but request is ${request}`];
  if (limit !== undefined && compareQuantities(limit, bound) < 0) return [`${head}, but limit is ${limit}`];
  return [];
}

function above(type: string, name: string, bound: string, asked: Asked): string[] {
  const { [name]: request } = asked.requests;
  const { [name]: limit } = asked.limits;
  const head = `maximum ${name} usage per ${type} is ${bound}`;
  if (limit === undefined) return [`${head}.  No limit is specified`];
  if (compareQuantities(limit, bound) > 0) return [`${head}, but limit is ${limit}`];
  if (request !== undefined && compareQuantities(request, bound) > 0) return [`${head}, but request is ${request}`];
  return [];
}

function ratioAbove(type: string, name: string, bound: string, asked: Asked): string[] {
  const request = milliValue(asked.requests[name] ?? '0');
  const limit = milliValue(asked.limits[name] ?? '0');
  const head = `${name} max limit to request ratio per ${type} is ${bound}`;
  if (request === 0) return [`${head}, but no request is specified or request is 0`];
  if (limit === 0) return [`${head}, but no limit is specified or limit is 0`];
  const ratio = limit / request;
  return ratio * 1000 > milliValue(bound) ? [`${head}, but provided ratio is ${ratio.toFixed(6)}`] : [];
}

/** A claim asks, but knows no limits. */
const claimBounds = (item: LimitRangeItem, requests: Amounts): string[] => {
  const asked = { requests, limits: requests };
  return [
    ...Object.entries(item.min ?? {}).flatMap(([name, bound]) => below(item.type, name, bound, asked)),
    ...Object.entries(item.max ?? {}).flatMap(([name, bound]) => above(item.type, name, bound, asked)),
  ];
};

const bounds = (item: LimitRangeItem, asked: Asked): string[] => [
  ...Object.entries(item.min ?? {}).flatMap(([name, bound]) => below(item.type, name, bound, asked)),
  ...Object.entries(item.max ?? {}).flatMap(([name, bound]) => above(item.type, name, bound, asked)),
  ...Object.entries(item.maxLimitRequestRatio ?? {}).flatMap(([name, bound]) =>
    ratioAbove(item.type, name, bound, asked),
  ),
];

const askedBy = (c: Container): Asked => ({
  requests: c.resources?.requests ?? {},
  limits: c.resources?.limits ?? {},
});

/** A pod asks for the sum of its containers, or for what its hungriest init container asks if that is more. */
function askedByPod(spec: PodSpec): Asked {
  const total = (of: (c: Container) => Amounts): Amounts => {
    const sum: Record<string, string> = {};
    for (const c of spec.containers ?? []) {
      for (const [k, v] of Object.entries(of(c))) sum[k] = sum[k] === undefined ? v : addQuantities(sum[k], v);
    }
    for (const c of (spec.initContainers ?? []) as Container[]) {
      for (const [k, v] of Object.entries(of(c))) {
        const present = sum[k];
        if (present === undefined || compareQuantities(v, present) > 0) sum[k] = v;
      }
    }
    return sum;
  };
  return { requests: total((c) => askedBy(c).requests), limits: total((c) => askedBy(c).limits) };
}

/** Fills in what a container does not name. @returns what was set, in the words of the annotation */
function fill(c: Container, item: LimitRangeItem, what: string): string[] {
  const set: string[] = [];
  for (const [key, presets] of [
    ['requests', item.defaultRequest],
    ['limits', item.default],
  ] as const) {
    const missing = Object.entries(presets ?? {}).filter(([name]) => c.resources?.[key]?.[name] === undefined);
    if (missing.length === 0) continue;
    c.resources = { ...c.resources, [key]: { ...c.resources?.[key], ...Object.fromEntries(missing) } };
    const names = missing.map(([name]) => name).sort();
    set.push(`${names.join(', ')} ${key.slice(0, -1)} for ${what} ${c.name}`);
  }
  return set;
}

function fillPod(pod: Pod, ranges: readonly LimitRange[]): void {
  const { spec } = pod;
  if (!spec) return;
  const items = ranges.flatMap((r) => (r.spec?.limits ?? []).filter((i) => i.type === 'Container'));
  const set = items.flatMap((item) => [
    ...(spec.containers ?? []).flatMap((c) => fill(c, item, 'container')),
    ...((spec.initContainers ?? []) as Container[]).flatMap((c) => fill(c, item, 'init container')),
  ]);
  if (set.length === 0) return;
  const annotations = { ...pod.metadata?.annotations, [ANNOTATION]: `LimitRanger plugin set: ${set.join('; ')}` };
  pod.metadata = { ...pod.metadata, annotations };
}

function podProblems(pod: Pod, item: LimitRangeItem): string[] {
  const { spec } = pod;
  if (!spec) return [];
  if (item.type === 'Pod') return bounds(item, askedByPod(spec));
  if (item.type !== 'Container') return [];
  const all = [...spec.containers, ...((spec.initContainers ?? []) as Container[])];
  return all.flatMap((c) => bounds(item, askedBy(c)));
}

/** Defaults and bounds of a namespace's LimitRanges ("Limit Ranges"). */
export function limitRanger(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'LimitRanger',
    admit(a) {
      if (concerns(a, '', 'pods', 'CREATE')) fillPod(a.object as Pod, lookup.list(LimitRanges, a.namespace));
    },
    validate(a) {
      const pod = concerns(a, '', 'pods', 'CREATE');
      if (!pod && !concerns(a, '', 'persistentvolumeclaims', 'CREATE', 'UPDATE')) return;
      const items = lookup.list(LimitRanges, a.namespace).flatMap((r) => r.spec?.limits ?? []);
      const problems = items.flatMap((item) => {
        if (pod) return podProblems(a.object as Pod, item);
        if (item.type !== 'PersistentVolumeClaim') return [];
        return claimBounds(item, (a.object as PersistentVolumeClaim).spec?.resources?.requests ?? {});
      });
      if (problems.length === 0) return;
      const why = problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`;
      throw errors.forbidden(a.resource.ref, a.name, why);
    },
  };
}
