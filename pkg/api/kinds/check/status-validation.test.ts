import { expect, test } from 'vitest';
import type { Kind } from '../../kind.ts';
import { CustomResourceDefinitions, FlowSchemas, Pods, PriorityLevelConfigurations } from '../index.ts';

const condition = (type: string) => ({ type, status: 'True' });

test.each<[unknown, object, readonly string[]]>([
  [FlowSchemas, { conditions: [condition('a'), condition('a')] }, ['FieldValueDuplicate status.conditions[1].type']],
  [FlowSchemas, { conditions: [condition('')] }, ['FieldValueRequired status.conditions[0].type']],
  [PriorityLevelConfigurations, { conditions: [{}] }, ['FieldValueRequired status.conditions[0].type']],
  [PriorityLevelConfigurations, { conditions: [condition('a'), condition('b')] }, []],
  [CustomResourceDefinitions, {}, []],
  [
    CustomResourceDefinitions,
    { acceptedNames: { plural: 'A_b', kind: 'A_b', shortNames: ['x', '_'] } },
    ['plural', 'kind', 'shortNames[1]'].map((f) => `FieldValueInvalid status.acceptedNames.${f}`),
  ],
  [
    Pods,
    { podIPs: [{ ip: '192.0.2.1' }, { ip: '192.0.2.1' }] },
    ['FieldValueDuplicate status.podIPs[1]', 'FieldValueInvalid status.podIPs'],
  ],
])('a status that cannot be: %#', (kind, status, problems) => {
  const found = (kind as Kind).validateStatus?.({ metadata: { name: 'o' }, status } as never, {}) ?? [];
  expect(found.map((e) => `${e.type} ${e.field}`)).toEqual(problems);
});
