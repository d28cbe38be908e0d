import { defineKind, topLevel } from '../../../kind.ts';
import { f, type TypeOf } from '../../../schema/schema.ts';
import { column, labelsText, nameColumn } from '../../print/columns.ts';
import { preparingPods } from './disabled-fields.ts';
import { defaultPodSpec } from './pod-defaults.ts';
import { validatePodTemplate } from './pod-validation.ts';
import { PodTemplateSpec } from './spec.ts';

const PKG = 'io.k8s.api.core.v1';

export const PodTemplateSchema = topLevel(PKG, 'PodTemplate', 'A stored template for pods.', {
  template: f(2, PodTemplateSpec, 'The pods.'),
});
export type PodTemplate = TypeOf<typeof PodTemplateSchema>;

export const PodTemplates = defineKind<PodTemplate>({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  hasGeneration: true,
  returnsDeleted: true,
  schema: PodTemplateSchema,
  defaults: (o) => defaultPodSpec(o.template?.spec),
  ...preparingPods((o: PodTemplate) => o.template?.spec),
  validate: (o) => validatePodTemplate('template', o.template),
  columns: [
    nameColumn,
    column('Containers', 'Names of the containers.', (o) =>
      (o.template?.spec?.containers ?? []).map((c) => c.name).join(','),
    ),
    column('Images', 'Images of the containers.', (o) =>
      (o.template?.spec?.containers ?? []).map((c) => c.image ?? '').join(','),
    ),
    column('Pod Labels', 'Labels of the pods.', (o) => labelsText(o.template?.metadata?.labels)),
  ],
});
