import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { run } from './run.ts';

/** Command lines that need no server: what is said of wrong ones. */
const FILES: Readonly<Record<string, string>> = {
  'good.conf': `current-context: c
clusters: [{name: c, cluster: {server: "https://192.0.2.1:1"}}]
contexts: [{name: c, context: {cluster: c}}]
`,
  'cut.conf': 'clusters: [{name: c',
  'number.conf': 'clusters: 5\n',
  'list.conf': '[]',
  'empty/readme.txt': 'nothing',
  'wrong.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n   labels: y\n',
};
let folder = '';

beforeAll(() => {
  // Each line is a program of its own, with its own listeners.
  for (const emitter of [process, process.stdout, process.stderr]) emitter.setMaxListeners(100);
  folder = mkdtempSync(join(tmpdir(), 'cox-run-'));
  mkdirSync(join(folder, 'empty'));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});
afterAll(() => rmSync(folder, { recursive: true }));

async function told(line: string): Promise<{ code: number; err: string }> {
  let err = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  const words = line.split(' ').map((w) => w.replace('FOLDER', folder));
  const code = await run([...words, `--kubeconfig=${join(folder, 'good.conf')}`]);
  return { code, err: err.replaceAll(folder, 'FOLDER') };
}

test.each<[string, string | RegExp]>([
  ['gt', 'unknown command "gt" for "cox"; did you mean "get"?'],
  ['config frob', 'unknown command "frob" for "cox config", see "cox config --help"'],
  ['config use-contex x', 'unknown command "use-contex" for "cox config"; did you mean "use-context"?'],
  ['get pods --bogus', `unknown option '--bogus', see "cox get --help"`],
  ['get pods --show-labls', `unknown option '--show-labls'; did you mean "--show-labels"?`],
  ['config set-context', 'you must specify a non-empty context name or --current'],
  ['get pods --as-group=x', '--as-group and --as-uid say more of the user of --as, which is missing'],
  ['get pods --client-key=FOLDER/none', '--client-key: the file FOLDER/none cannot be read (ENOENT)'],
  [
    'rollout undo deploy/x --to-revision=abc',
    /--to-revision <n>' argument 'abc' is invalid. "abc" is not a whole number/,
  ],
  ['logs a b c', /^expected 'logs /],
  ['apply -f FOLDER/empty', 'no objects passed: FOLDER/empty has no objects in files named *.json, *.yaml or *.yml'],
  ['apply -f FOLDER/none.yaml', 'the path "FOLDER/none.yaml" does not exist'],
  ['apply -f FOLDER/wrong.yaml', /^FOLDER\/wrong.yaml, line 4, column 9: /],
])('cox %s', async (line, wanted) => {
  const { code, err } = await told(line);
  expect(code).toBe(1);
  expect(err.replace(/^error: /, '').trim()).toEqual(
    typeof wanted === 'string' ? wanted : expect.stringMatching(wanted),
  );
});

test.each(['get pods', 'label cm a b x=y'])('cox %s without any kubeconfig', async (line) => {
  vi.stubEnv('KUBECONFIG', join(folder, 'none.conf'));
  let err = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  expect(await run(line.split(' '))).toBe(1);
  expect(err.replaceAll(folder, 'FOLDER')).toBe(
    'error: the kubeconfig FOLDER/none.conf cannot be read (ENOENT): name one with --kubeconfig or $KUBECONFIG, or make a cluster with "cox cluster up"\n',
  );
});

test.each([
  ['cut.conf', /the kubeconfig FOLDER\/cut\.conf (cannot be read|is not valid YAML): .* at line \d+, column \d+/],
  ['number.conf', /the kubeconfig FOLDER\/number\.conf is no kubeconfig: "clusters" must be a list of entries/],
  ['list.conf', /the kubeconfig FOLDER\/list\.conf is no kubeconfig: it must be a map/],
])('a kubeconfig that is none: %s', async (file, wanted) => {
  for (const line of ['config view', 'config get-contexts', 'get pods']) {
    let err = '';
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      err += String(text);
      return true;
    });
    expect({ line, code: await run([...line.split(' '), `--kubeconfig=${join(folder, file)}`]) }).toEqual({
      line,
      code: 1,
    });
    expect(err.replaceAll(folder, 'FOLDER')).toMatch(wanted);
    vi.restoreAllMocks();
  }
});
