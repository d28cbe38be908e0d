import { fillDefaults, pruned } from '../../custom/structural.ts';
import { validateValue } from '../../custom/validate.ts';
import { copyJson } from '../../meta/copy.ts';
import { type FieldError, forbidden, invalid, required } from '../../meta/fielderrors.ts';
import type { JSONSchemaProps } from './jsonschema.ts';

/** Said of a value where it is declared, not where it is restricted further. */
const DECLARED_ONLY = ['type', 'title', 'description', 'default', 'nullable'] as const;

interface Branch {
  readonly path: string;
  readonly schema: JSONSchemaProps;
}

/** The schemas under allOf, anyOf, oneOf and not. */
function branchesOf(path: string, s: JSONSchemaProps): Branch[] {
  const lists = (['allOf', 'anyOf', 'oneOf'] as const).flatMap((k) =>
    (s[k] ?? []).map((schema, i) => ({ path: `${path}.${k}[${i}]`, schema })),
  );
  return s.not ? [...lists, { path: `${path}.not`, schema: s.not }] : lists;
}

const isIntOrString = (list: readonly JSONSchemaProps[] | undefined): boolean =>
  list?.length === 2 && list[0]?.type === 'integer' && list[1]?.type === 'string';

/** The one way in which a branch may name a type: a number or text. */
const saysIntOrString = (s: JSONSchemaProps): boolean =>
  s['x-kubernetes-int-or-string'] === true && (isIntOrString(s.anyOf) || isIntOrString(s.allOf?.[0]?.anyOf));

function validateBranch({ path, schema }: Branch, mayNameTypes: boolean): FieldError[] {
  const found = DECLARED_ONLY.filter((k) => schema[k] && !(mayNameTypes && k === 'type')).map((k) =>
    forbidden(
      `${path}.${k}`,
      `must be ${k === 'default' ? 'undefined' : k === 'nullable' ? 'false' : 'empty'} to be structural`,
    ),
  );
  const within = (part: string, s: JSONSchemaProps): FieldError[] =>
    validateBranch({ path: `${path}.${part}`, schema: s }, false);
  return [
    ...found,
    ...branchesOf(path, schema).flatMap((b) => validateBranch(b, mayNameTypes)),
    ...Object.entries(schema.properties ?? {}).flatMap(([k, s]) => within(`properties[${k}]`, s)),
    ...(schema.items && !Array.isArray(schema.items) ? within('items', schema.items) : []),
  ];
}

/** Whatever a branch speaks of must be declared outside it, or it would be pruned. */
function validateDeclared(branch: Branch, path: string, s: JSONSchemaProps): FieldError[] {
  const because = (at: string): string => `because it is defined in ${at}`;
  const found = branchesOf(branch.path, branch.schema).flatMap((b) => validateDeclared(b, path, s));
  for (const [k, schema] of Object.entries(branch.schema.properties ?? {})) {
    const [at, there] = [`${branch.path}.properties[${k}]`, `${path}.properties[${k}]`];
    const declared = s.properties?.[k];
    if (declared) found.push(...validateDeclared({ path: at, schema }, there, declared));
    else found.push(required(there, because(at)));
  }
  const { items } = branch.schema;
  if (!items || Array.isArray(items)) return found;
  const at = `${branch.path}.items`;
  if (s.items && !Array.isArray(s.items)) {
    found.push(...validateDeclared({ path: at, schema: items }, `${path}.items`, s.items));
  } else found.push(required(`${path}.items`, because(at)));
  return found;
}

/** What is combined by allOf, anyOf, oneOf and not only restricts what is declared ("Specifying a structural schema"). */
export function validateBranches(path: string, s: JSONSchemaProps): FieldError[] {
  const mayNameTypes = saysIntOrString(s);
  return branchesOf(path, s).flatMap((b) => [...validateBranch(b, mayNameTypes), ...validateDeclared(b, path, s)]);
}

const HEAD = { apiVersion: 'string', kind: 'string', metadata: 'object' } as const;

/** What every object has is the server's: only names may be restricted. */
export function validateHead(path: string, s: JSONSchemaProps): FieldError[] {
  const found: FieldError[] = [];
  for (const [k, type] of Object.entries(HEAD)) {
    const given = s.properties?.[k];
    if (given?.type && given.type !== type)
      found.push(invalid(`${path}.properties[${k}].type`, given.type, `must be ${type}`));
  }
  const restricted = Object.keys(s.properties?.metadata?.properties ?? {});
  if (restricted.some((k) => k !== 'name' && k !== 'generateName')) {
    const why = 'must not specify anything other than name and generateName, but metadata is implicitly specified';
    found.push(forbidden(`${path}.properties[metadata]`, why));
  }
  return found;
}

/** A default must be what it is the default of. */
export function validateDefault(path: string, s: JSONSchemaProps): FieldError[] {
  if (s.default === undefined || s.default === null) return [];
  const at = `${path}.default`;
  const unknown: string[] = [];
  const value = copyJson(s.default);
  pruned(s, value, '', unknown);
  if (unknown.length > 0) return [invalid(at, value, `must not have unknown fields: ${unknown.join(', ')}`)];
  fillDefaults(s, value);
  // The default is judged as a value of its own: what is said names fields within it, where it is told is its place.
  return validateValue(s, value, '').map((e) => {
    const { field } = e;
    return { ...e, field: field === '' || field.startsWith('[') ? `${at}${field}` : `${at}.${field}` };
  });
}
