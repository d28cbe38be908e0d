import type { KubeObject } from '#api/meta/objectmeta.ts';
import { parseLabelSelector } from '#api/meta/selector-text.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';
import { changeObjects, type SetFlags } from './change.ts';

interface Subject {
  kind: string;
  apiGroup?: string;
  name: string;
  namespace?: string;
}

export interface SubjectFlags extends SetFlags {
  readonly user?: readonly string[];
  readonly group?: readonly string[];
  readonly serviceaccount?: readonly string[];
}

const GROUP = 'rbac.authorization.k8s.io';

function subjectsOf(o: SubjectFlags): Subject[] {
  const named = (kind: string, names: readonly string[] | undefined): Subject[] =>
    (names ?? []).flatMap((n) => n.split(',')).map((name) => ({ kind, apiGroup: GROUP, name }));
  const accounts = (o.serviceaccount ?? [])
    .flatMap((n) => n.split(','))
    .map((text) => {
      const [namespace = '', name, extra] = text.split(':');
      if (!namespace || !name || extra !== undefined) throw new CliError('serviceaccount must be <namespace>:<name>');
      return { kind: 'ServiceAccount', namespace, name };
    });
  return [...named('User', o.user), ...named('Group', o.group), ...accounts];
}

const sameSubject = (a: Subject, b: Subject): boolean =>
  a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '');

/** `cox set subject rolebinding NAME --user=ann` */
export async function setSubject(ctx: CliContext, args: readonly string[], o: SubjectFlags): Promise<number> {
  const wanted = subjectsOf(o);
  if (wanted.length === 0) throw new CliError('you must specify at least one value of user, group or serviceaccount');
  return changeObjects(
    ctx,
    args,
    {
      done: 'subjects updated',
      refused: 'failed to patch subjects to rolebinding:',
      edit: (object, r) => {
        if (r.plural !== 'rolebindings' && r.plural !== 'clusterrolebindings') {
          const name = `${r.plural}/${object.metadata?.name ?? ''}`;
          throw new CliError(`${name} setting subjects is only supported for RoleBinding/ClusterRoleBinding`);
        }
        const binding = object as KubeObject & { subjects?: Subject[] };
        const known = binding.subjects ?? [];
        binding.subjects = [...known, ...wanted.filter((w) => !known.some((k) => sameSubject(k, w)))];
      },
    },
    o,
  );
}

/** `cox set selector service NAME app=web` */
export async function setSelector(
  ctx: CliContext,
  args: readonly string[],
  o: SetFlags & { resourceVersion?: string },
): Promise<number> {
  const text = args.at(-1) ?? '';
  if (!text) throw new CliError('one or more resources must be specified as <resource> <name>, then the selector');
  const requirements = /[=!(]/.test(text) ? parseLabelSelector(text).requirements : undefined;
  if (!requirements) throw new CliError('resource(s) were provided, but no name was specified');
  const selector = Object.fromEntries(
    requirements.map((r) => {
      if (r.operator !== 'Equals' && !(r.operator === 'In' && !text.includes('(')))
        throw new CliError(
          `match expression [{${r.key} ${r.operator} [${r.values.join(' ')}]}] not supported on this object`,
        );
      return [r.key, r.values[0] ?? ''];
    }),
  );
  return changeObjects(
    ctx,
    args.slice(0, -1),
    {
      done: 'selector updated',
      refused: 'failed to patch selector:',
      always: true,
      edit: (object) => {
        if (object.kind !== 'Service') throw new CliError('setting a selector is only supported for Services');
        const service = object as KubeObject & { spec?: { selector?: Record<string, string> } };
        service.spec = { ...service.spec, selector };
        if (o.resourceVersion) service.metadata = { ...service.metadata, resourceVersion: o.resourceVersion };
      },
    },
    o,
  );
}
