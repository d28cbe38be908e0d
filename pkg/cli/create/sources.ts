import { CliError } from '../errors.ts';
import { pair } from './generator.ts';

/** A key and its value. */
export type Entry = [string, Buffer];

/** Lines KEY=VALUE; a lone KEY takes its value from the environment. @throws CliError with file and line */
export function envLines(content: Buffer, file: string): Entry[] {
  const found: Entry[] = [];
  const lines = content
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .split('\n');
  for (const [n, raw] of lines.entries()) {
    const line = raw.replace(/\r$/, '').trimStart();
    if (line === '' || line.startsWith('#')) continue;
    const at = line.indexOf('=');
    const key = at < 0 ? line : line.slice(0, at);
    if (!/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(key))
      throw new CliError(`${file}, line ${n + 1}: "${key}" is not a valid key name`);
    const value = at < 0 ? process.env[key] : line.slice(at + 1);
    if (value !== undefined) found.push([key, Buffer.from(value)]);
  }
  return found;
}

/** "key=value", in which the value may be quoted. */
export function literalPair(text: string): Entry {
  const [key, value] = pair(text, 'literal');
  return [key, Buffer.from(value.replace(/^(['"])(.*)\1$/s, '$2'))];
}

/** What is no text is kept as base64. */
export const isText = (b: Buffer): boolean => Buffer.from(b.toString('utf8'), 'utf8').equals(b);
