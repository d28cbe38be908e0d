import { Namespaces, type Pod } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { Lookup } from '../lookup.ts';
import type { AdmissionPlugin, Attributes } from '../types.ts';
import { BASELINE, BASELINE_ONLY } from './baseline.ts';
import { type Subject, subjectOf } from './checks.ts';
import { RESTRICTED } from './restricted.ts';

const LABEL = 'pod-security.kubernetes.io/';
const LEVELS: readonly string[] = ['privileged', 'baseline', 'restricted'];

/** What is wrong with a pod by the rules of a level, joined as Kubernetes does; "" when nothing is. */
export function violations(level: string, s: Subject): string {
  if (level === 'privileged') return '';
  const checks = level === 'restricted' ? [...BASELINE, ...RESTRICTED] : [...BASELINE_ONLY, ...BASELINE];
  return checks.flatMap((check) => check(s) ?? []).join(', ');
}

/** Where each kind keeps its template of pods. */
function subjectIn(a: Attributes): Subject | undefined {
  const { group, plural } = a.resource.kind;
  const o = a.object as KubeObject & {
    template?: Pod;
    spec?: { template?: Pod; jobTemplate?: { spec?: { template?: Pod } } };
  };
  const templates: Record<string, Pod | undefined> = {
    '/podtemplates': o.template,
    '/replicationcontrollers': o.spec?.template,
    'apps/deployments': o.spec?.template,
    'apps/replicasets': o.spec?.template,
    'apps/statefulsets': o.spec?.template,
    'apps/daemonsets': o.spec?.template,
    'batch/jobs': o.spec?.template,
    'batch/cronjobs': o.spec?.jobTemplate?.spec?.template,
  };
  const found = templates[`${group}/${plural}`];
  return found && subjectOf(found);
}

const standard = (level: string, version: string): string => `"${level}:${version || 'latest'}"`;

/**
 * Holds pods to the standard a namespace's labels name: `enforce` refuses pods, `warn` tells the client, of pods and of
 * templates; `audit` annotates the audit log ("Pod Security Admission").
 */
export function podSecurity(lookup: Lookup): AdmissionPlugin {
  const judge = (
    labels: Readonly<Record<string, string>>,
    mode: string,
    s: Subject,
  ): { name: string; problems: string } => {
    const level = labels[LABEL + mode] ?? 'privileged';
    // An unknown level is taken for the strictest, as in Kubernetes.
    const known = LEVELS.includes(level) ? level : 'restricted';
    return { name: standard(known, labels[`${LABEL}${mode}-version`] ?? ''), problems: violations(known, s) };
  };

  return {
    name: 'PodSecurity',
    async validate(a) {
      if (!a.namespace || !a.object || a.operation === 'DELETE') return;
      const isPod = a.resource.kind.group === '' && a.resource.kind.plural === 'pods';
      const added =
        isPod && (a.operation === 'CREATE' ? a.subresource === '' : a.subresource === 'ephemeralcontainers');
      if (!added && (isPod || a.subresource !== '')) return;
      const s = isPod ? subjectOf(a.object as Pod) : subjectIn(a);
      if (!s) return;
      const { labels = {} } = (await lookup.find(Namespaces, '', a.namespace))?.metadata ?? {};
      if (isPod) {
        const { name, problems } = judge(labels, 'enforce', s);
        a.annotations?.set(`${LABEL}enforce-policy`, name.slice(1, -1));
        if (problems) throw errors.forbidden(a.resource.ref, a.name, `violates PodSecurity ${name}: ${problems}`);
      }
      const audited = judge(labels, 'audit', s);
      if (audited.problems) {
        a.annotations?.set(
          `${LABEL}audit-violations`,
          `would violate PodSecurity ${audited.name}: ${audited.problems}`,
        );
      }
      const { name, problems } = judge(labels, 'warn', s);
      if (problems) a.warnings.push(`would violate PodSecurity ${name}: ${problems}`);
    },
  };
}
