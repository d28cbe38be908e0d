import { mergeMap, TEMPLATED } from './fields.ts';
import type { LabelEntry } from './kustomization.ts';
import type { Resource } from './resource.ts';

/** A map of labels inside an object; the second part says whether it is made where it is missing. */
type Place = readonly [path: string, create: boolean];

function templatePlaces(kind: string, what: 'labels' | 'annotations'): Place[] {
  if (TEMPLATED.has(kind)) {
    const places: Place[] = [[`spec/template/metadata/${what}`, true]];
    return kind === 'StatefulSet' && what === 'labels'
      ? [...places, ['spec/volumeClaimTemplates/metadata/labels', true]]
      : places;
  }
  if (kind !== 'CronJob') return [];
  return [
    [`spec/jobTemplate/metadata/${what}`, true],
    [`spec/jobTemplate/spec/template/metadata/${what}`, true],
  ];
}

const AFFINITY = ['podAffinity', 'podAntiAffinity'].flatMap((a) => [
  `affinity/${a}/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels`,
  `affinity/${a}/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels`,
]);

function selectorPlaces(kind: string): Place[] {
  if (kind === 'Service' || kind === 'ReplicationController') return [['spec/selector', true]];
  if (kind === 'Job' || kind === 'PodDisruptionBudget') return [['spec/selector/matchLabels', false]];
  if (kind === 'CronJob') return [['spec/jobTemplate/spec/selector/matchLabels', false]];
  if (kind === 'NetworkPolicy') {
    const paths = ['podSelector', 'ingress/from/podSelector', 'egress/to/podSelector'];
    return paths.map((p) => [`spec/${p}/matchLabels`, false]);
  }
  if (!TEMPLATED.has(kind)) return [];
  const inPods = kind === 'Deployment' || kind === 'StatefulSet' ? AFFINITY : [];
  const spread =
    kind === 'Deployment' || kind === 'StatefulSet' ? ['topologySpreadConstraints/labelSelector/matchLabels'] : [];
  return [
    ['spec/selector/matchLabels', true],
    ...[...inPods, ...spread].map((p): Place => [`spec/template/spec/${p}`, false]),
  ];
}

function lay(r: Resource, places: readonly Place[], pairs: Readonly<Record<string, string>>): void {
  for (const [path, create] of places) mergeMap(r.object, path, create, pairs);
}

/** `labels` and `commonLabels`: on objects and, if asked for, in their selectors and pod templates. */
export function addLabels(resources: readonly Resource[], entry: LabelEntry): void {
  const { pairs = {}, includeSelectors, includeTemplates, fields = [] } = entry;
  for (const r of resources) {
    lay(r, [['metadata/labels', true]], pairs);
    if (includeSelectors) lay(r, selectorPlaces(r.kind), pairs);
    if (includeSelectors || includeTemplates) lay(r, templatePlaces(r.kind, 'labels'), pairs);
    for (const f of fields) {
      if (!f.kind || f.kind === r.kind) lay(r, [[f.path.replaceAll('[]', ''), f.create === true]], pairs);
    }
  }
}

/** `commonAnnotations`: on objects and in their pod templates. */
export function addAnnotations(resources: readonly Resource[], pairs: Readonly<Record<string, string>>): void {
  for (const r of resources) lay(r, [['metadata/annotations', true], ...templatePlaces(r.kind, 'annotations')], pairs);
}
