import { parseDuration } from '#api/meta/duration.ts';
import { type FieldError, fieldErrorText, invalid, notSupported, required } from '#api/meta/fielderrors.ts';
import { UserError } from '#process/user-error.ts';

/** A sentence about the first wrong field. */
export const wrong = (e: FieldError): UserError => new UserError(fieldErrorText(e));

const kindOf = (v: unknown): string =>
  Array.isArray(v) ? 'a list' : typeof v === 'object' ? 'a map' : `a ${typeof v}`;

interface Range {
  readonly min?: number;
  readonly max?: number;
}

/**
 * The fields of one map of a configuration file. What is read is checked; `done` refuses what nobody has read. Each error
 * names the path of the field. An absent field and null are the same.
 */
export class Fields {
  readonly path: string;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #read = new Set<string>();

  /** @throws UserError when the value is no map */
  constructor(value: unknown, path = '') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new UserError(`${path || 'the file'}: must be a map, is ${value === null ? 'empty' : kindOf(value)}`);
    }
    this.path = path;
    this.#values = value as Record<string, unknown>;
  }

  at(name: string): string {
    return this.path ? `${this.path}.${name}` : name;
  }

  raw(name: string): unknown {
    this.#read.add(name);
    return this.#values[name] ?? undefined;
  }

  #typed<T>(name: string, type: 'string' | 'boolean' | 'number'): T | undefined {
    const value = this.raw(name);
    if (value === undefined) return undefined;
    if (typeof value === type) return value as T;
    throw new UserError(`${this.at(name)}: must be a ${type}, is ${kindOf(value)}`);
  }

  text(name: string): string | undefined {
    return this.#typed<string>(name, 'string');
  }

  requiredText(name: string): string {
    const text = this.text(name);
    if (!text) throw wrong(required(this.at(name)));
    return text;
  }

  flag(name: string): boolean | undefined {
    return this.#typed<boolean>(name, 'boolean');
  }

  /** A whole number. */
  count(
    name: string,
    { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: Range = {},
  ): number | undefined {
    const n = this.#typed<number>(name, 'number');
    if (n === undefined) return undefined;
    if (!Number.isInteger(n)) throw wrong(invalid(this.at(name), n, 'must be a whole number'));
    if (n < min || n > max) {
      const bounds = max === Number.POSITIVE_INFINITY ? `at least ${min}` : `between ${min} and ${max}`;
      throw wrong(invalid(this.at(name), n, `must be ${bounds}`));
    }
    return n;
  }

  /** A duration such as "1m30s", more than none, in milliseconds. */
  durationMs(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const nanoseconds = parseDuration(text);
    if (nanoseconds === undefined || nanoseconds <= 0) {
      throw wrong(invalid(this.at(name), text, 'must be a duration such as 5s or 100ms'));
    }
    return nanoseconds / 1e6;
  }

  choice<const V extends string>(name: string, values: readonly V[]): V | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!(values as readonly string[]).includes(text)) throw wrong(notSupported(this.at(name), text, values));
    return text as V;
  }

  map(name: string): Fields | undefined {
    const value = this.raw(name);
    return value === undefined ? undefined : new Fields(value, this.at(name));
  }

  #list(name: string): readonly unknown[] {
    const value = this.raw(name);
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw new UserError(`${this.at(name)}: must be a list, is ${kindOf(value)}`);
    return value;
  }

  maps(name: string): Fields[] {
    return this.#list(name).map((v, i) => new Fields(v, `${this.at(name)}[${i}]`));
  }

  texts(name: string): string[] {
    return this.#list(name).map((v, i) => {
      if (typeof v === 'string') return v;
      throw new UserError(`${this.at(name)}[${i}]: must be a string, is ${kindOf(v)}`);
    });
  }

  /** Fields that are valid but mean nothing here. */
  ignore(...names: readonly string[]): void {
    for (const n of names) this.#read.add(n);
  }

  /** @throws UserError for the first field nobody has read */
  done(): void {
    const unknown = Object.keys(this.#values).find((k) => !this.#read.has(k));
    if (unknown !== undefined) throw new UserError(`${this.at(unknown)}: unknown field`);
  }
}
