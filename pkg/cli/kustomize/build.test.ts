import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { buildFolder } from './build.ts';
import { pathParts } from './replacements.ts';
import { changedImage } from './workloads.ts';

// All of it is compared with kubectl kustomize in test/e2e/cox-kustomize.test.ts, where there is a kubectl to compare with.
const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'kustomize-'));
  made.push(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return join(folder, 'build');
}

describe('a build', () => {
  test('names change with the content, and references with the names', () => {
    const folder = folderOf({
      'base/kustomization.yaml': 'resources: [pod.yaml]\nconfigMapGenerator: [{ name: cm, literals: [a=1] }]\n',
      'base/pod.yaml':
        'apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec: { containers: [{ name: c, image: "i:1", envFrom: [{ configMapRef: { name: cm } }] }] }\n',
      'build/kustomization.yaml': 'resources: [../base]\nnamePrefix: x-\nnamespace: ns\n',
    });
    const [cm, pod] = buildFolder(folder);
    expect(cm?.metadata).toEqual({ name: 'x-cm-h29d89cmmt', namespace: 'ns' });
    expect(pod).toMatchObject({
      metadata: { name: 'x-p', namespace: 'ns' },
      spec: { containers: [{ envFrom: [{ configMapRef: { name: 'x-cm-h29d89cmmt' } }] }] },
    });
  });

  test.each([
    ['an unknown field', { 'build/kustomization.yaml': 'nonsense: 1\n' }, /unknown field "nonsense"/],
    [
      'a field that is not followed',
      { 'build/kustomization.yaml': 'helmCharts: []\n' },
      /does not follow "helmCharts"/,
    ],
    ['a missing file', { 'build/kustomization.yaml': 'resources: [x.yaml]\n' }, /x\.yaml: no such file/],
    [
      'bad YAML',
      { 'build/kustomization.yaml': 'resources: [x.yaml]\n', 'build/x.yaml': 'a:\n  - [\n' },
      /x\.yaml, line \d+, column \d+/,
    ],
    ['a circle', { 'build/kustomization.yaml': 'resources: [../build]\n' }, /cycle detected/],
    ['an address', { 'build/kustomization.yaml': 'resources: [https://example.com/x]\n' }, /of this machine only/],
  ])('%s is told', (_name, files, error) => {
    expect(() => buildFolder(folderOf(files))).toThrow(error);
  });
});

test.each([
  ['nginx:1', { name: 'nginx', newTag: '2' }, 'nginx:2'],
  ['nginx:1', { name: 'ngin', newTag: '2' }, 'nginx:1'],
  ['r:5000/a/b@sha256:aa', { name: 'r:5000/a/b', newName: 'c' }, 'c@sha256:aa'],
  ['nginx', { name: 'nginx', digest: 'sha256:bb' }, 'nginx@sha256:bb'],
  ['nginx:1', { name: 'nginx', tagSuffix: '-x' }, 'nginx:1-x'],
])('the image %s with %j is %s', (image, entry, wanted) => {
  expect(changedImage(image, entry)).toBe(wanted);
});

test.each([
  ['spec.containers.[name=a.b].image', ['spec', 'containers', '[name=a.b]', 'image']],
  ['metadata.annotations.[a.b/c]', ['metadata', 'annotations', 'a.b/c']],
  ['metadata.labels.a\\.b', ['metadata', 'labels', 'a.b']],
  ['spec.0.*', ['spec', '0', '*']],
])('the path %s', (path, parts) => {
  expect(pathParts(path)).toEqual(parts);
});
