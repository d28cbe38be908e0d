import type { CustomResourceDefinition } from './customresourcedefinition.ts';

/** Annotation of definitions in groups of the Kubernetes project: where they were approved, or "unapproved" and why not. */
export const APPROVAL = 'api-approved.kubernetes.io';
const MUST = `protected groups must have approval annotation "${APPROVAL}"`;
const SEE = 'see https://github.com/kubernetes/enhancements/pull/1111';

/** The reasons of the condition that tells of it, by Kubernetes' names. */
export type ApprovalState = 'MissingAnnotation' | 'InvalidAnnotation' | 'UnapprovedAnnotation' | 'ApprovedAnnotation';

export interface Approval {
  readonly state: ApprovalState;
  readonly message: string;
}

const isProtected = (group: string): boolean => /(^|\.)(k8s|kubernetes)\.io$/.test(group);

/** Is the definition an approved one? Undefined: its group is not one of those where anybody asks. */
export function approvalOf({ metadata, spec }: CustomResourceDefinition): Approval | undefined {
  if (!isProtected(spec?.group ?? '')) return undefined;
  const value = metadata?.annotations?.[APPROVAL];
  if (!value) return { state: 'MissingAnnotation', message: `${MUST}, ${SEE}` };
  if (value.startsWith('unapproved')) return { state: 'UnapprovedAnnotation', message: `not approved: "${value}"` };
  if (/^[a-z]+:\/\/[^/]/.test(value)) return { state: 'ApprovedAnnotation', message: `approved in ${value}` };
  const message = `${MUST} with either a URL or a reason starting with "unapproved", ${SEE}`;
  return { state: 'InvalidAnnotation', message };
}
