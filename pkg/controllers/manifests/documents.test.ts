import { expect, test } from 'vitest';
import { objectsIn } from './documents.ts';

const cm = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;

test.each<[string, string, string[]]>([
  ['nothing', '', []],
  ['comments', '# later\n---\n', []],
  ['two documents', `${cm('a')}---\n${cm('b')}`, ['a', 'b']],
  ['JSON', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"j"}}', ['j']],
  [
    'a list',
    '{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"}}]}',
    ['s'],
  ],
])('%s', (_, text, names) => {
  expect(objectsIn(text).map((o) => o.metadata?.name)).toEqual(names);
});

test.each([
  ['kind: ConfigMap', 'document 1 has no apiVersion or no kind'],
  [`${cm('a')}---\njust text`, 'document 2 has no apiVersion or no kind'],
  ['apiVersion: v1\nkind: ConfigMap', 'document 1 (ConfigMap) has no name'],
  ['a: [', 'document 1: '],
])('%j is refused', (text, why) => expect(() => objectsIn(text)).toThrow(why));
