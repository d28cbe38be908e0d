import { stringify } from 'yaml';

/** YAML as Kubernetes writes it: keys in order, lists not indented, texts that look like other values (of YAML 1.1) quoted. */
export const toYaml = (value: unknown): string =>
  stringify(value, {
    aliasDuplicateObjects: false,
    indentSeq: false,
    lineWidth: 0,
    sortMapEntries: true,
    version: '1.1',
  });
