/** What tests of kinds share: objects that are fine, and the steps the server takes with them. Used by tests only. */
import { describe, expect, test } from 'vitest';
import type { Kind } from '../kind.ts';
import type { FieldError } from '../meta/fielderrors.ts';
import type { KubeObject } from '../meta/objectmeta.ts';
import { applyDefaults } from '../schema/defaults.ts';

/** A path into an object: `set(o, 'spec.ports[0].port', 0)`; `undefined` removes the field. */
export function set(o: object, path: string, value: unknown): void {
  const keys = path.split(/[.[\]]+/).filter((k) => k !== '');
  const last = keys.pop() as string;
  let at = o as Record<string, unknown>;
  for (const k of keys) {
    at[k] ??= {};
    at = at[k] as Record<string, unknown>;
  }
  if (value === undefined) delete at[last];
  else at[last] = value;
}

/** The object as the server would store it, and what is wrong with it. */
export function created<T extends KubeObject>(kind: Kind<T>, object: object): { object: T; problems: FieldError[] } {
  const o = structuredClone(object) as T;
  applyDefaults(kind.schema, o);
  kind.defaults?.(o);
  kind.prepareCreate?.(o, kind.version);
  return { object: o, problems: kind.validate?.(o) ?? [] };
}

/** An update of a stored object by a client: the change is made to a copy of it. */
export function updated<T extends KubeObject>(
  kind: Kind<T>,
  old: T,
  change: (o: T) => void,
): { object: T; problems: FieldError[] } {
  const o = structuredClone(old);
  change(o);
  applyDefaults(kind.schema, o);
  kind.defaults?.(o);
  kind.prepareUpdate?.(o, old, kind.version);
  return { object: o, problems: kind.validate?.(o, old) ?? [] };
}

/** The cells of a table row by column name. */
export const row = <T extends KubeObject>(kind: Kind<T>, o: T, now: number): Record<string, unknown> =>
  Object.fromEntries(kind.columns.map((c) => [c.name, c.cell(o, now)]));

/** One bad input: the changes that spoil a good object, and the problem expected. */
export type BadInput = readonly [
  changes: Readonly<Record<string, unknown>>,
  type: FieldError['type'],
  field: string,
  message: string,
];

/** A kind, an object of it that is fine, and inputs that are not. */
export type KindCase = readonly [what: string, kind: Kind, good: object, bad: readonly BadInput[]];

/** Makes the tests of these cases. */
export function describeKinds(cases: readonly KindCase[]): void {
  describe.each(cases)('%s', (_, kind, good, bad) => {
    test('good', () => {
      expect(texts(created(kind, good).problems)).toEqual([]);
    });
    test.each(bad)('%j: %s %s', (...input) => {
      const { problems } = created(kind, spoiled(good, input[0]));
      expect(includesProblem(problems, input), texts(problems).join('\n')).toBe(true);
    });
  });
}

/** The good object with the changes of a bad input. */
export function spoiled<T extends object>(good: T, changes: Readonly<Record<string, unknown>>): T {
  const o = structuredClone(good);
  for (const [path, value] of Object.entries(changes)) set(o, path, structuredClone(value));
  return o;
}

/** Problems as "type field: message", for readable failures. */
export const texts = (problems: readonly FieldError[]): string[] =>
  problems.map((p) => `${p.type} ${p.field}: ${p.message}`);

/** True when one of the problems is the one expected. */
export const includesProblem = (problems: readonly FieldError[], [, type, field, message]: BadInput): boolean =>
  problems.some((p) => p.type === type && p.field === field && p.message.includes(message));
