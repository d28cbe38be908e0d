import { readFileSync } from 'node:fs';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { toYaml } from '#api/yaml.ts';
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

const FORMATS =
  'custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,template,templatefile,wide,yaml';

/** How objects are printed. */
export interface PrintFlags {
  readonly output?: string;
  /** In JSON and YAML; templates always see them. */
  readonly showManagedFields?: boolean;
  /** Default true: what a template names and is not there is left out, or shown as Go shows it. */
  readonly allowMissingTemplateKeys?: boolean;
}

type Printer = (o: KubeObject, argument: string, strict: boolean) => string;

const template: Printer = (o, text, strict) => executeTemplate(text, o, strict);
const fileOf = (path: string): string => readFileSync(path, 'utf8');

/** Formats that take an argument after "=". */
const WITH_ARGUMENT: Readonly<Record<string, Printer>> = {
  jsonpath: (o, text, strict) => evaluateJsonPath(text, o, strict),
  'jsonpath-file': (o, path, strict) => evaluateJsonPath(fileOf(path).trimEnd(), o, strict),
  'jsonpath-as-json': (o, text) => `${JSON.stringify(evaluateValues(relaxed(text), o), null, 4)}\n`,
  'go-template': template,
  template,
  'go-template-file': (o, path, strict) => executeTemplate(fileOf(path), o, strict),
  templatefile: (o, path, strict) => executeTemplate(fileOf(path), o, strict),
};

/** Text of an object or list for `-o yaml`, `json`, `name`, `jsonpath=…`, `go-template=…`. @throws CliError for others */
export function printObject(o: KubeObject, flags: PrintFlags, nameOf: (o: KubeObject) => string): string {
  const { output: format = '' } = flags;
  const shown = (): KubeObject => (flags.showManagedFields ? o : withoutManagedFields(o));
  if (format === 'yaml') return toYaml(shown());
  if (format === 'json') return `${JSON.stringify(ordered(shown()), null, 4)}\n`;
  if (format === 'name') {
    const items = (o as { items?: KubeObject[] }).items ?? [o];
    return items.map((i) => `${nameOf(i)}\n`).join('');
  }
  const [name = '', argument] = /^([a-z-]+)=(.*)$/s.exec(format)?.slice(1) ?? [];
  const printer = WITH_ARGUMENT[name];
  if (printer && argument) return printer(o, argument, flags.allowMissingTemplateKeys === false);
  if (printer || format in WITH_ARGUMENT)
    throw new CliError(`template format specified but no template given: -o ${name || format}=…`);
  throw new CliError(
    `unable to match a printer suitable for the output format "${format}", allowed formats are: ${FORMATS}`,
  );
}
