import { defineKind, topLevel } from '../../../kind.ts';
import { f, type TypeOf } from '../../../schema/schema.ts';
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
  schema: PodTemplateSchema,
});
