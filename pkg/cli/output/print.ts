import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { CliError } from '../errors.ts';
import { executeTemplate } from './go-template/template.ts';
import { evaluateJsonPath, evaluateValues, relaxed } from './jsonpath.ts';
import { ordered } from './ordered.ts';

/** managedFields are bookkeeping; shown only on request. */
export function withoutManagedFields<T extends KubeObject>(o: T): T {
  const items = (o as { items?: KubeObject[] }).items;
  if (items) return { ...o, items: items.map(withoutManagedFields) };
  if (!o.metadata?.managedFields) return o;
  const { managedFields: _m, ...metadata } = o.metadata;
  return { ...o, metadata };
}

/** Several objects as one, as kubectl prints them. */
export const listOf = (items: readonly KubeObject[]): KubeObject =>
  ({ apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '' } }) as KubeObject;

/** YAML as kubectl writes it: keys in order, lists not indented, texts that look like other values quoted. */
export const toYaml = (value: unknown): string =>
  stringify(value, {
    aliasDuplicateObjects: false,
    indentSeq: false,
    lineWidth: 0,
    sortMapEntries: true,
    version: '1.1',
  });

const FORMATS =
  'custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,template,templatefile,wide,yaml';

type Printer = (o: KubeObject, argument: string) => string;

const template: Printer = (o, text) => executeTemplate(text, o);
const fileOf = (path: string): string => readFileSync(path, 'utf8');

/** Formats that take an argument after "=". */
const WITH_ARGUMENT: Readonly<Record<string, Printer>> = {
  jsonpath: (o, text) => evaluateJsonPath(text, o),
  'jsonpath-file': (o, path) => evaluateJsonPath(fileOf(path).trimEnd(), o),
  'jsonpath-as-json': (o, text) => `${JSON.stringify(evaluateValues(relaxed(text), o), null, 4)}\n`,
  'go-template': template,
  template,
  'go-template-file': (o, path) => executeTemplate(fileOf(path), o),
  templatefile: (o, path) => executeTemplate(fileOf(path), o),
};

/** Text of an object or list for `-o yaml`, `json`, `name`, `jsonpath=…`, `go-template=…`. @throws CliError for others */
export function printObject(o: KubeObject, format: string, nameOf: (o: KubeObject) => string): string {
  if (format === 'yaml') return toYaml(o);
  if (format === 'json') return `${JSON.stringify(ordered(o), null, 4)}\n`;
  if (format === 'name') {
    const items = (o as { items?: KubeObject[] }).items ?? [o];
    return items.map((i) => `${nameOf(i)}\n`).join('');
  }
  const [name = '', argument] = /^([a-z-]+)=(.*)$/s.exec(format)?.slice(1) ?? [];
  const printer = WITH_ARGUMENT[name];
  if (printer && argument !== undefined) return printer(o, argument);
  if (format in WITH_ARGUMENT) throw new CliError(`template format specified but no template given: -o ${format}=…`);
  throw new CliError(
    `unable to match a printer suitable for the output format "${format}", allowed formats are: ${FORMATS}`,
  );
}
