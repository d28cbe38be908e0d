import {
  approvalOf,
  type CustomResourceDefinition,
  type CustomResourceDefinitionCondition,
  type CustomResourceDefinitionNames,
} from '#api/kinds/index.ts';
import { sameJson } from '#api/meta/equal.ts';

type Condition = CustomResourceDefinitionCondition;
type Names = CustomResourceDefinitionNames;

const isTrue = (crd: CustomResourceDefinition, type: string): boolean =>
  crd.status?.conditions?.some((c) => c.type === type && c.status === 'True') ?? false;

/** Are its objects to be served? Once established, a definition stays so. */
export const isEstablished = (crd: CustomResourceDefinition): boolean => isTrue(crd, 'Established');

const resourceNames = (n: Names | undefined): string[] =>
  n ? [n.plural, n.singular ?? '', ...(n.shortNames ?? [])].filter((x) => x !== '') : [];
const kindNames = (n: Names | undefined): string[] => (n ? [n.kind, n.listKind ?? ''].filter((x) => x !== '') : []);

/** Names in use in the group, by other definitions and built-in kinds. */
export interface TakenNames {
  readonly resources: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

export const takenBy = (others: readonly CustomResourceDefinition[]): TakenNames => ({
  resources: new Set(others.flatMap((o) => resourceNames(o.status?.acceptedNames))),
  kinds: new Set(others.flatMap((o) => kindNames(o.status?.acceptedNames))),
});

/** The first name that is in use: reason and message of the condition. */
function conflictOf(wanted: Names, taken: TakenNames): { reason: string; message: string } | undefined {
  const used = (name: string): string => `"${name}" is already in use`;
  if (taken.resources.has(wanted.plural)) return { reason: 'PluralConflict', message: used(wanted.plural) };
  if (wanted.singular && taken.resources.has(wanted.singular)) {
    return { reason: 'SingularConflict', message: used(wanted.singular) };
  }
  const short = (wanted.shortNames ?? []).find((n) => taken.resources.has(n));
  if (short !== undefined) return { reason: 'ShortNamesConflict', message: used(short) };
  if (taken.kinds.has(wanted.kind)) return { reason: 'KindConflict', message: used(wanted.kind) };
  if (wanted.listKind && taken.kinds.has(wanted.listKind)) {
    return { reason: 'ListKindConflict', message: used(wanted.listKind) };
  }
  return undefined;
}

/** The condition put among the others; its time changes with its status only. */
function withCondition(conditions: readonly Condition[], next: Condition, now: string): Condition[] {
  const old = conditions.find((c) => c.type === next.type);
  const lastTransitionTime = old?.status === next.status ? old.lastTransitionTime : now;
  const whole = { lastTransitionTime, ...next } as Condition;
  return old ? conditions.map((c) => (c === old ? whole : c)) : [...conditions, whole];
}

/** The definition's status as it should be; the same object when it is so already. */
export function desiredStatus(
  crd: CustomResourceDefinition,
  taken: TakenNames,
  now: string,
): NonNullable<CustomResourceDefinition['status']> {
  const status = crd.status ?? {};
  const wanted = crd.spec?.names;
  if (!wanted) return status;
  const conflict = conflictOf(wanted, taken);
  let conditions: Condition[] = [...(status.conditions ?? [])];
  const put = (type: string, ok: boolean, reason: string, message: string): void => {
    conditions = withCondition(conditions, { type, status: ok ? 'True' : 'False', reason, message }, now);
  };
  if (conflict) put('NamesAccepted', false, conflict.reason, conflict.message);
  else put('NamesAccepted', true, 'NoConflicts', 'no conflicts found');
  if (!isEstablished(crd)) {
    if (conflict) put('Established', false, 'NotAccepted', 'not all names are accepted');
    else put('Established', true, 'InitialNamesAccepted', 'the initial names have been accepted');
  }
  const approval = approvalOf(crd);
  if (approval) {
    const { state, message } = approval;
    put('KubernetesAPIApprovalPolicyConformant', state === 'ApprovedAnnotation', state, message);
  }
  if (crd.metadata?.deletionTimestamp) {
    put('Terminating', true, 'InstanceDeletionInProgress', 'CustomResource deletion is in progress');
  }
  const none = { plural: '', kind: '' };
  const next = { ...status, conditions, acceptedNames: conflict ? (status.acceptedNames ?? none) : wanted };
  return sameJson(next, status) ? status : next;
}
