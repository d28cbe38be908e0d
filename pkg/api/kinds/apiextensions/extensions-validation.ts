import { type FieldError, forbidden, invalid, notSupported, required } from '../../meta/fielderrors.ts';
import type { JSONSchemaProps } from './jsonschema.ts';

const LIST_TYPES = ['atomic', 'map', 'set'];
const MAP_TYPES = ['atomic', 'granular'];
const KEYS = 'x-kubernetes-list-map-keys';

/** An extension that says how values of one type merge is for that type alone. */
function validateKindOf(path: string, s: JSONSchemaProps, of: 'list' | 'map'): FieldError[] {
  const name = `x-kubernetes-${of}-type` as const;
  const [type, allowed] = of === 'list' ? ['array', LIST_TYPES] : ['object', MAP_TYPES];
  const value = s[name];
  if (value === undefined) return [];
  const found = allowed.includes(value) ? [] : [notSupported(`${path}.${name}`, value, allowed)];
  const why = `must be ${type} if ${name} is specified`;
  if (!s.type) found.push(required(`${path}.type`, why));
  else if (s.type !== type) found.push(invalid(`${path}.type`, s.type, why));
  return found;
}

/** Items of a set are compared whole. */
function validateSet(path: string, items: JSONSchemaProps): FieldError[] {
  const why = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const [list, map] = [items['x-kubernetes-list-type'], items['x-kubernetes-map-type']];
  if (items.type === 'array' && list !== undefined && list !== 'atomic') {
    return [invalid(`${path}.items.x-kubernetes-list-type`, list, why)];
  }
  if (items.type !== 'object' || map === 'atomic') return [];
  return [invalid(`${path}.items.x-kubernetes-map-type`, map ?? null, why)];
}

/** The items of a map list are told apart by properties: they must be there, and plain. */
function validateKeys(path: string, s: JSONSchemaProps, items: JSONSchemaProps): FieldError[] {
  if (items.type !== 'object') {
    const why = "must be object if parent array's x-kubernetes-list-type is map";
    return [invalid(`${path}.items.type`, items.type ?? '', why)];
  }
  const keys = s[KEYS] ?? [];
  const found: FieldError[] = [];
  for (const [i, k] of keys.entries()) {
    const at = `${path}.items.properties[${k}]`;
    const property = Object.hasOwn(items.properties ?? {}, k) ? items.properties?.[k] : undefined;
    if (!property) found.push(invalid(`${path}.${KEYS}`, keys, 'entries must all be names of item properties'));
    else if (property.type === 'array' || property.type === 'object') {
      const why = "must be a scalar type if parent array's x-kubernetes-list-type is map";
      found.push(invalid(`${at}.type`, property.type, why));
    }
    if (keys.indexOf(k) < i) found.push(invalid(`${path}.${KEYS}`, keys, 'must not contain duplicate entries'));
    if (!property) continue;
    const inKeys = 'this property is in x-kubernetes-list-map-keys, so it';
    if (!items.required?.includes(k) && property.default === undefined) {
      found.push(required(`${at}.default`, `${inKeys} must have a default or be a required property`));
    }
    if (property.nullable) found.push(forbidden(`${at}.nullable`, `${inKeys} cannot be nullable`));
  }
  return found;
}

function validateMapList(path: string, s: JSONSchemaProps): FieldError[] {
  const found: FieldError[] = [];
  if (!s[KEYS]?.length) {
    found.push(required(`${path}.${KEYS}`, 'must not be empty if x-kubernetes-list-type is map'));
  }
  if (!s.items) found.push(required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map'));
  else if (Array.isArray(s.items)) {
    found.push(invalid(`${path}.items`, '', 'must only have a single schema if x-kubernetes-list-type is map'));
  } else found.push(...validateKeys(path, s, s.items));
  return found;
}

function validateList(path: string, s: JSONSchemaProps): FieldError[] {
  const listType = s['x-kubernetes-list-type'];
  const items = Array.isArray(s.items) ? undefined : s.items;
  const found = validateKindOf(path, s, 'list');
  if (s[KEYS]?.length && listType !== 'map') {
    const [at, why] = [`${path}.x-kubernetes-list-type`, 'must be map if x-kubernetes-list-map-keys is non-empty'];
    found.push(listType === undefined ? required(at, why) : invalid(at, listType, why));
  }
  if (listType === 'map') found.push(...validateMapList(path, s));
  if (listType === 'set' && items && s.type === 'array') found.push(...validateSet(path, items));
  if ((listType === 'map' || listType === 'set') && items?.nullable) {
    found.push(forbidden(`${path}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`));
  }
  return found;
}

/** Kubernetes' additions to a schema ("Vendor extensions" of structural schemas), and what it leaves out for its cost. */
export function validateExtensions(path: string, s: JSONSchemaProps): FieldError[] {
  const found = [...validateList(path, s), ...validateKindOf(path, s, 'map')];
  const preserve = 'x-kubernetes-preserve-unknown-fields';
  if (s[preserve] === false) found.push(invalid(`${path}.${preserve}`, false, 'must be true or undefined'));
  if (s.uniqueItems) {
    const why = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    found.push(forbidden(`${path}.uniqueItems`, why));
  }
  return found;
}
