import { onMaps } from './objects.ts';

/** Policies that are refused: what is wrong, the spec, the field that is named, and part of what is said. */
export const WRONG_POLICIES: readonly [string, object, string, string][] = [
  [
    'an expression that does not compile',
    { ...onMaps, validations: [{ expression: 'object.' }] },
    'spec.validations[0].expression',
    'compilation failed: ERROR: <input>:1:8: Syntax error',
  ],
  [
    'one that is no condition',
    { ...onMaps, validations: [{ expression: '1' }] },
    'spec.validations[0].expression',
    'must evaluate to bool',
  ],
  [
    'an unknown variable',
    { ...onMaps, validations: [{ expression: 'params.x == 1' }] },
    'spec.validations[0].expression',
    "undeclared reference to 'params' (in container '')",
  ],
  [
    'a message of the wrong type',
    { ...onMaps, validations: [{ expression: 'true', messageExpression: '1' }] },
    'spec.validations[0].messageExpression',
    'must evaluate to string',
  ],
  [
    'a bad condition',
    { ...onMaps, matchConditions: [{ name: 'c', expression: 'nope' }], validations: [{ expression: 'true' }] },
    'spec.matchConditions[0].expression',
    "undeclared reference to 'nope'",
  ],
  [
    'a bad variable',
    { ...onMaps, variables: [{ name: 'a-b', expression: '1' }], validations: [{ expression: 'true' }] },
    'spec.variables[0].name',
    'name is not a valid CEL identifier',
  ],
  [
    'a bad reason',
    { ...onMaps, validations: [{ expression: 'true', reason: 'Because' }] },
    'spec.validations[0].reason',
    'Unsupported value: "Because"',
  ],
  [
    'a bad annotation',
    { ...onMaps, auditAnnotations: [{ key: 'k', valueExpression: '1' }] },
    'spec.auditAnnotations[0].valueExpression',
    'must evaluate to one of string, null but got int',
  ],
];
