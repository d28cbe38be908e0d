import { test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import {
  type CustomResourceDefinition,
  CustomResourceDefinitions,
  ValidatingAdmissionPolicies,
  type ValidatingAdmissionPolicy,
} from '#api/kinds/index.ts';
import { FATES, FakeProcess, pick, walks } from '../fake-process.ts';
import { policyStatusController } from './controller.ts';
import { expressionWarnings } from './warnings.ts';

const NAMES = ['p0', 'p1', 'p2'] as const;
const DEEDS = { policy: 8, gone: 2, kites: 3, begin: 4 };
type Deed = keyof typeof DEEDS;
const EXPRESSIONS = ['object.spec.tail > 1', 'object.spec.wing > 1', 'has(object.metadata.labels)'] as const;
const KITES = 'kites.sky.example';
const rule = { operations: ['CREATE'], apiGroups: ['sky.example'], apiVersions: ['v1'], resources: ['kites'] };
const kites = (field: string): CustomResourceDefinition => {
  const spec = { type: 'object', properties: { [field]: { type: 'integer' } } };
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec } } };
  const names = { plural: 'kites', kind: 'Kite' };
  return {
    metadata: { name: KITES },
    spec: { group: 'sky.example', names, versions: [{ name: 'v1', schema }] },
  } as unknown as CustomResourceDefinition;
};

property.prop([walks(DEEDS)], { numRuns: 30 })(
  'every policy says what is wrong with its expressions, whatever happens in which order',
  async (steps) => {
    const run = new FakeProcess([ValidatingAdmissionPolicies, CustomResourceDefinitions], policyStatusController);
    const { api } = run;
    let serial = 0;
    const act = (what: Deed, i: number, j: number): unknown => {
      const name = pick(NAMES, i);
      if (what === 'begin') return run.begin(i % 2, pick(FATES, j));
      if (what === 'gone') return api.remove(ValidatingAdmissionPolicies, name);
      if (what === 'kites')
        return j % 3
          ? api.put(CustomResourceDefinitions, kites(j % 2 ? 'tail' : 'wing'))
          : api.remove(CustomResourceDefinitions, KITES);
      const old = api.get(ValidatingAdmissionPolicies, name);
      const generation = (old?.metadata.generation ?? 0) + 1;
      const metadata = { name, uid: old?.metadata.uid ?? `${name}-${serial++}`, generation };
      const spec = { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: pick(EXPRESSIONS, j) }] };
      const status = old?.status ? { status: old.status } : {};
      return api.put(ValidatingAdmissionPolicies, {
        metadata,
        spec,
        ...status,
      } as unknown as ValidatingAdmissionPolicy);
    };
    for (const step of steps) await run.step(step, act);
    await run.calm();
    const definitions = api.list(CustomResourceDefinitions);
    for (const policy of api.list(ValidatingAdmissionPolicies)) {
      const warnings = expressionWarnings(policy, definitions);
      const typeChecking = warnings.length > 0 ? { expressionWarnings: warnings } : {};
      expect(policy.status).toEqual({ observedGeneration: policy.metadata.generation, typeChecking });
    }
  },
);
