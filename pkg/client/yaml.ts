import { parseAllDocuments } from 'yaml';

/** The parser, as a module of its own: whoever meets no YAML need not load it. */
export { parse as parseYaml } from 'yaml';

/**
 * The documents of a stream, as values. @throws Error naming the first that is broken, by its number from 1, and where
 */
export function parseDocuments(text: string): unknown[] {
  return parseAllDocuments(text).map((d, i) => {
    const [error] = d.errors;
    if (error) throw new Error(`document ${i + 1}: ${error.message.split('\n')[0]}`);
    return d.toJS() as unknown;
  });
}
