import { Namespaces, type Pod } from '#api/kinds/index.ts';
import { errors } from '#api/meta/errors.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { Lookup } from '../lookup.ts';
import { type AdmissionPlugin, type Attributes, concerns } from '../types.ts';
import { SECCOMP_CONTAINER } from './baseline.ts';
import { type Subject, subjectOf } from './checks.ts';
import { validateNamespace } from './namespaces.ts';
import { LABEL, type Mode, nameOf, standardOf, violations } from './standards.ts';

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

/** What of a container, or of all, makes a pod another one: images, and the profiles that annotations once named. */
function traits(pod: Pod): readonly string[] {
  const s = subjectOf(pod);
  const profile = (name: string): string => pod.metadata?.annotations?.[SECCOMP_CONTAINER + name] ?? '';
  return s?.containers.map((c) => JSON.stringify([c.name, c.image, profile(c.name)])) ?? [];
}

/** New pods, new containers in them, and new images: other updates of a pod that is there cannot make it worse. */
function isJudged(a: Attributes): boolean {
  if (a.operation === 'CREATE') return a.subresource === '';
  if (a.subresource !== '' && a.subresource !== 'ephemeralcontainers') return false;
  const before = new Set(traits(a.oldObject as Pod));
  return traits(a.object as Pod).some((t) => !before.has(t));
}

/**
 * Holds pods to the standard a namespace's labels name: `enforce` refuses pods, `warn` tells the client, of pods and of
 * templates; `audit` annotates the audit log ("Pod Security Admission"), each by the rules of the version the labels name. The
 * labels themselves must make sense.
 */
export function podSecurity(lookup: Lookup): AdmissionPlugin {
  const judge = (
    labels: Readonly<Record<string, string>>,
    mode: Mode,
    s: Subject,
  ): { name: string; problems: string } => {
    const standard = standardOf(labels, mode);
    return { name: nameOf(standard), problems: violations(standard, s).join(', ') };
  };

  return {
    name: 'PodSecurity',
    async validate(a) {
      if (concerns(a, '', 'namespaces', 'CREATE', 'UPDATE')) return validateNamespace(a, lookup);
      if (!a.namespace || !a.object || a.operation === 'DELETE') return;
      const isPod = a.resource.kind.group === '' && a.resource.kind.plural === 'pods';
      if (isPod ? !isJudged(a) : a.subresource !== '') return;
      const s = isPod ? subjectOf(a.object as Pod) : subjectIn(a);
      if (!s) return;
      const { labels = {} } = (await lookup.find(Namespaces, '', a.namespace))?.metadata ?? {};
      if (isPod) {
        const { name, problems } = judge(labels, 'enforce', s);
        a.annotations?.set(`${LABEL}enforce-policy`, name);
        if (problems) throw errors.forbidden(a.resource.ref, a.name, `violates PodSecurity "${name}": ${problems}`);
      }
      const audited = judge(labels, 'audit', s);
      if (audited.problems) {
        a.annotations?.set(
          `${LABEL}audit-violations`,
          `would violate PodSecurity "${audited.name}": ${audited.problems}`,
        );
      }
      const { name, problems } = judge(labels, 'warn', s);
      if (problems) a.warnings.push(`would violate PodSecurity "${name}": ${problems}`);
    },
  };
}
