import { type FieldError, forbidden, invalid, notSupported, required } from '../../meta/fielderrors.ts';
import { compileLabelSelector, type LabelSelectorLike, validateLabelSelector } from '../../meta/labels.ts';
import { validatePodTemplate } from '../core/pod/pod-validation.ts';
import type { PodTemplateSpec } from '../core/pod/spec.ts';

const isEmpty = (s: LabelSelectorLike): boolean =>
  Object.keys(s.matchLabels ?? {}).length === 0 && (s.matchExpressions ?? []).length === 0;

/** A selector that must be there and select something. `what` names the kind as Kubernetes words it. */
export function validateOwnSelector(selector: LabelSelectorLike | undefined, what: string): FieldError[] {
  if (!selector) return [required('spec.selector')];
  const found = validateLabelSelector(selector, 'spec.selector');
  if (isEmpty(selector)) found.push(invalid('spec.selector', selector, `empty selector is invalid for ${what}`));
  return found;
}

const LABELS = 'spec.template.metadata.labels';
const UNSELECTED = '`selector` does not match template `labels`';

/** The template's labels must be what the selector selects, or the controller would make pods without end. */
export function validateTemplateLabels(
  selector: LabelSelectorLike | undefined,
  template?: PodTemplateSpec,
): FieldError[] {
  const labels = template?.metadata?.labels;
  if (!selector) return [invalid(LABELS, labels ?? null, UNSELECTED)];
  if (isEmpty(selector) || validateLabelSelector(selector, '').length > 0) return [];
  return compileLabelSelector(selector).matches(labels ?? {}) ? [] : [invalid(LABELS, labels ?? null, UNSELECTED)];
}

/** Pods of a workload that runs for ever: restarted always, without a deadline. `what` is "ReplicaSet", "DaemonSet", … */
export function validateLastingTemplate(template: PodTemplateSpec | undefined, what: string): FieldError[] {
  const found = validatePodTemplate('spec.template', template);
  const { restartPolicy, activeDeadlineSeconds } = template?.spec ?? {};
  if (restartPolicy && restartPolicy !== 'Always') {
    found.push(notSupported('spec.template.spec.restartPolicy', restartPolicy, ['Always']));
  }
  if (activeDeadlineSeconds !== undefined) {
    const why = `activeDeadlineSeconds in ${what} is not Supported`;
    found.push(forbidden('spec.template.spec.activeDeadlineSeconds', why));
  }
  return found;
}
