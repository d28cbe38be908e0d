import { type CollectionTag, parseAllDocuments, type ScalarTag, type Tags } from 'yaml';
import { CliError } from './errors.ts';

const BOOL = 'tag:yaml.org,2002:bool';
const isBool = (t: Tags[number]): boolean => t === 'bool' || (t as ScalarTag | CollectionTag).tag === BOOL;

/** true and false only. */
const words: ScalarTag = {
  tag: BOOL,
  default: true,
  identify: (v) => typeof v === 'boolean',
  test: /^(?:true|True|TRUE|false|False|FALSE)$/,
  resolve: (text) => text.toLowerCase() === 'true',
};

/** Times and numbers of base 60 are texts, as they are to kubectl. */
const isText = (t: Tags[number]): boolean =>
  typeof t === 'object' && (t.tag.endsWith(':timestamp') || (t as ScalarTag).format === 'TIME');

/**
 * The documents of YAML or JSON text, without empty ones. Numbers are read by YAML 1.1.
 * @param source is named in errors. @param yesIsTrue "yes", "on" and "y" are true, as kubectl takes them in manifests
 * (kustomize does not). @throws CliError with source, line and column
 */
export function documentsIn(text: string, source: string, yesIsTrue = true): unknown[] {
  const customTags = (tags: Tags): Tags => {
    const kept = tags.filter((t) => !isText(t));
    return yesIsTrue ? kept : [...kept.filter((t) => !isBool(t)), words];
  };
  const documents = parseAllDocuments(text, { version: '1.1', merge: true, customTags });
  const found: unknown[] = [];
  for (const doc of Array.isArray(documents) ? documents : []) {
    const [problem] = doc.errors;
    if (problem) {
      const at = problem.linePos?.[0];
      const where = at ? `, line ${at.line}, column ${at.col}` : '';
      const [said = ''] = problem.message.split('\n');
      throw new CliError(`${source}${where}: ${said.replace(/ at line \d+, column \d+:?$/, '')}`);
    }
    const value: unknown = doc.toJS({ maxAliasCount: 100 });
    if (value !== null && value !== undefined) found.push(value);
  }
  return found;
}
