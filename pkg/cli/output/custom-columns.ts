import { readFileSync } from 'node:fs';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { CliError } from '../errors.ts';
import { formatColumns } from './columns.ts';
import { evaluateValues, relaxed, valueText } from './jsonpath.ts';

interface Column {
  readonly header: string;
  readonly expression: string;
}

/** `NAME:.metadata.name,IP:.status.podIP`. Commas inside brackets belong to the expression. */
function inline(spec: string): Column[] {
  if (spec === '') throw new CliError('custom-columns format specified but no custom columns given');
  return spec.split(/,(?![^[]*\])/).map((part) => {
    const at = part.indexOf(':');
    if (at < 0) throw new CliError(`unexpected custom-columns spec: ${part}, expected <header>:<json-path-expr>`);
    return { header: part.slice(0, at), expression: relaxed(part.slice(at + 1)) };
  });
}

/** Two lines: headers, and below each its expression. */
function fromFile(path: string): Column[] {
  const [headers = '', paths = ''] = readFileSync(path, 'utf8').split('\n');
  const names = headers.trim().split(/\s+/);
  const expressions = paths.trim().split(/\s+/);
  if (names.length !== expressions.length)
    throw new CliError(
      `number of headers (${names.length}) and field specifications (${expressions.length}) don't match`,
    );
  return names.map((header, i) => ({ header, expression: relaxed(expressions[i] ?? '') }));
}

/** Objects as the columns a format names. @throws CliError */
export function printColumns(format: string, objects: readonly KubeObject[], headers: boolean): string {
  const at = format.indexOf('=');
  const spec = format.slice(at + 1);
  const columns = format.startsWith('custom-columns-file') ? fromFile(spec) : inline(spec);
  const cell = (c: Column, o: KubeObject): string => {
    const values = evaluateValues(c.expression, o);
    return values.length === 0 ? '<none>' : values.map((v) => (v === null ? '<none>' : valueText(v))).join(',');
  };
  const rows = objects.map((o) => columns.map((c) => cell(c, o)));
  return formatColumns(headers ? [columns.map((c) => c.header), ...rows] : rows);
}
