import { type FieldError, forbidden, invalid, notSupported, required } from '../../meta/fielderrors.ts';
import { validateExtensions } from './extensions-validation.ts';
import type { JSONSchemaProps } from './jsonschema.ts';
import { validateBranches, validateDefault, validateHead } from './structure-validation.ts';

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
/** Keywords that structural schemas do without. */
const UNSUPPORTED = ['definitions', 'dependencies', 'id', '$ref', 'patternProperties', 'additionalItems'] as const;

/** Where a schema stands: what is said of one without a type goes by it. */
type Level = 'field' | 'item' | 'root';
const NO_TYPE: Readonly<Record<Level, string>> = {
  field: 'must not be empty for specified object fields',
  item: 'must not be empty for specified array items',
  root: 'must not be empty at the root',
};

function validateType(path: string, s: JSONSchemaProps, level: Level): FieldError[] {
  const open = s['x-kubernetes-int-or-string'] || s['x-kubernetes-preserve-unknown-fields'];
  if (!s.type) return open && level !== 'root' ? [] : [required(`${path}.type`, NO_TYPE[level])];
  const found = TYPES.includes(s.type) ? [] : [notSupported(`${path}.type`, s.type, TYPES)];
  if (level === 'root' && s.type !== 'object') {
    found.push(invalid(`${path}.type`, s.type, 'must be object at the root'));
  }
  return found;
}

function validateParts(path: string, s: JSONSchemaProps): FieldError[] {
  const found: FieldError[] = [];
  if (s.properties && s.additionalProperties !== undefined && s.additionalProperties !== false) {
    found.push(forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'));
  }
  for (const [name, p] of Object.entries(s.properties ?? {})) {
    found.push(...validateSchema(`${path}.properties[${name}]`, p, 'field'));
  }
  if (typeof s.additionalProperties === 'object') {
    found.push(...validateSchema(`${path}.additionalProperties`, s.additionalProperties, 'field'));
  }
  if (Array.isArray(s.items)) found.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'));
  else if (s.items) found.push(...validateSchema(`${path}.items`, s.items, 'item'));
  else if (s.type === 'array') found.push(required(`${path}.items`, 'must be specified'));
  if (s.pattern !== undefined) {
    try {
      new RegExp(s.pattern, 'u');
    } catch {
      try {
        new RegExp(s.pattern);
      } catch (e) {
        found.push(
          invalid(
            `${path}.pattern`,
            s.pattern,
            `must be a valid regular expression, but isn't: ${(e as Error).message}`,
          ),
        );
      }
    }
  }
  return found;
}

function validateSchema(path: string, s: JSONSchemaProps, level: Level): FieldError[] {
  const found = validateType(path, s, level);
  for (const k of UNSUPPORTED) {
    if (s[k] !== undefined) found.push(forbidden(`${path}.${k}`, `${k} is not supported`));
  }
  return [...found, ...validateExtensions(path, s), ...validateParts(path, s), ...validateBranches(path, s)];
}

/** A structural schema: every value has a type, nothing is left open unless it says so. */
export function validateStructure(path: string, s: JSONSchemaProps): FieldError[] {
  const found = [...validateSchema(path, s, 'root'), ...validateHead(path, s)];
  // Values can be judged by a schema that is sound.
  return found.length > 0 ? found : validateDefaults(path, s);
}

function validateDefaults(path: string, s: JSONSchemaProps): FieldError[] {
  const { items, additionalProperties: others } = s;
  return [
    ...validateDefault(path, s),
    ...Object.entries(s.properties ?? {}).flatMap(([k, p]) => validateDefaults(`${path}.properties[${k}]`, p)),
    ...(items && !Array.isArray(items) ? validateDefaults(`${path}.items`, items) : []),
    ...(typeof others === 'object' ? validateDefaults(`${path}.additionalProperties`, others) : []),
  ];
}
