import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { WriteFlags } from '../commands/write.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../errors.ts';

/** Flags of a generator as commander parsed them: text, lists of text, and switches. */
export type GeneratorFlags = WriteFlags & Readonly<Record<string, unknown>>;

/** What a generator makes an object of. */
export interface GeneratorInput {
  readonly name: string;
  readonly args: readonly string[];
  readonly flags: GeneratorFlags;
  /** What stood after "--". */
  readonly command: readonly string[];
  readonly ctx: CliContext;
}

/** A flag: its spelling, what it is for, and whether it is a switch or may be given several times. */
export type GeneratorFlag = readonly [flags: string, text: string, kind?: 'switch' | 'list'];

/** A form of `cox create`, such as `create deployment`. */
export interface Generator {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** Word between `create` and the name: `create service clusterip`. */
  readonly path?: string;
  readonly arguments?: readonly string[];
  readonly description: string;
  readonly flags: readonly GeneratorFlag[];
  /** @throws CliError naming the flag that is missing or wrong */
  readonly make: (input: GeneratorInput) => KubeObject | Promise<KubeObject>;
}

/** A flag's text. */
export const text = (i: GeneratorInput, flag: string): string | undefined => i.flags[flag] as string | undefined;

/** A repeatable flag's values, each split at commas. */
export const list = (i: GeneratorInput, flag: string): string[] =>
  ((i.flags[flag] as readonly string[] | undefined) ?? []).flatMap((v) => v.split(',')).filter((v) => v !== '');

/** A repeatable flag's values, whole. */
export const wholes = (i: GeneratorInput, flag: string): readonly string[] =>
  (i.flags[flag] as readonly string[] | undefined) ?? [];

/** @throws CliError in kubectl's words */
export function required(i: GeneratorInput, flag: string, spelling: string): string {
  const value = text(i, flag);
  if (!value) throw new CliError(`required flag(s) "${spelling}" not set`);
  return value;
}

/** @throws CliError when the text is no whole number */
export function whole(value: string, spelling: string): number {
  if (!/^-?\d+$/.test(value))
    throw new CliError(`invalid argument "${value}" for "--${spelling}" flag: not a whole number`);
  return Number(value);
}

/** "a=b" as a pair. @throws CliError */
export function pair(item: string, spelling: string): [string, string] {
  const at = item.indexOf('=');
  if (at <= 0) throw new CliError(`invalid ${spelling} source ${item}, expected key=value`);
  return [item.slice(0, at), item.slice(at + 1)];
}
