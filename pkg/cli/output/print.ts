import { stringify } from 'yaml';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { CliError } from '../errors.ts';
import { evaluateJsonPath } from './jsonpath.ts';

/** managedFields are bookkeeping; shown only on request. */
export function withoutManagedFields<T extends KubeObject>(o: T): T {
  const items = (o as { items?: KubeObject[] }).items;
  if (items) return { ...o, items: items.map(withoutManagedFields) };
  if (!o.metadata?.managedFields) return o;
  const { managedFields: _m, ...metadata } = o.metadata;
  return { ...o, metadata };
}

export const toYaml = (value: unknown): string =>
  stringify(value, { aliasDuplicateObjects: false, lineWidth: 0, version: '1.1' });

/** Text of an object or list for -o yaml, json, name or jsonpath=…. */
export function printObject(o: KubeObject, format: string, nameOf: (o: KubeObject) => string): string {
  if (format === 'yaml') return toYaml(o);
  if (format === 'json') return `${JSON.stringify(o, null, 4)}\n`;
  if (format === 'name') {
    const items = (o as { items?: KubeObject[] }).items ?? [o];
    return items.map((i) => `${nameOf(i)}\n`).join('');
  }
  const path = /^jsonpath=(.*)$/s.exec(format)?.[1];
  if (path !== undefined) return evaluateJsonPath(path, o);
  throw new CliError(
    `unable to match a printer suitable for the output format "${format}", allowed formats are: json,jsonpath=TEMPLATE,name,wide,yaml`,
  );
}
