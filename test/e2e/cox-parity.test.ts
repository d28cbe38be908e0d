import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kubectls } from '../bed/kubectls.ts';
import { repository } from '../bed/layout.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { ACCESS } from './parity/access-lines.ts';
import { collapse, normalise, type Outcome, runLine, type Side, sideOf } from './parity/compare.ts';
import { FILES } from './parity/files.ts';
import { FLAGS } from './parity/flag-lines.ts';
import { KINDS, KINDS_FILE } from './parity/kinds.ts';
import { comparableKubectl } from './parity/kubectl.ts';
import { SCENARIOS } from './parity/lines.ts';
import { prepare } from './parity/prepare.ts';
import { REFUSED } from './parity/refused-lines.ts';
import { NODES, SETTING } from './parity/set-lines.ts';
import { SETS } from './parity/sets-lines.ts';
import { verdictOf } from './parity/verdict.ts';

/** `cox` against the newest kubectl of this machine: the same lines, each in a namespace of its own of one cluster. */
const cluster = useCluster('e2e-cox', { nodes: 1, apiservers: 1 });
const cox = join(repository, 'bin/cox');
const kubectl = kubectls().at(-1) ?? '';

const comparable = comparableKubectl() !== undefined;
let kubectlSide: Side;
let coxSide: Side;

beforeAll(async () => {
  const o = { kubeconfig: cluster().kubeconfig, files: { ...FILES, 'kinds.yaml': KINDS_FILE } };
  kubectlSide = sideOf(kubectl, { ...o, namespace: 'parity-k' });
  coxSide = sideOf(cox, { ...o, namespace: 'parity-c' });
  await Promise.all([prepare(kubectlSide, kubectl), prepare(coxSide, kubectl)]);
});

afterAll(() => {
  for (const side of [kubectlSide, coxSide]) rmSync(side.folder, { recursive: true, force: true });
});

describe.skipIf(!comparable).each([...SCENARIOS, ...SETTING, ...ACCESS, ...SETS, ...FLAGS, ...REFUSED, ...KINDS])(
  '$name',
  ({ lines }) => {
    test.each(lines.map((line) => [typeof line === 'string' ? line : line[0], line] as const))(
      '%s',
      async (text, line) => {
        const [a, b] = await Promise.all([runLine(kubectlSide, text), runLine(coxSide, text)]);
        const verdict = verdictOf(line, [kubectlSide, a], [coxSide, b]);
        expect(verdict.cox).toEqual(verdict.kubectl);
      },
    );
  },
);

test.skipIf(!comparable)('nodes, which both share: first one, then the other', async () => {
  const all = async (side: Side): Promise<Outcome[]> => {
    const outcomes: Outcome[] = [];
    for (const line of NODES) outcomes.push(await runLine(side, line));
    return outcomes;
  };
  const a = await all(kubectlSide);
  const b = await all(coxSide);
  for (const [i, line] of NODES.entries()) {
    const verdict = verdictOf(line, [kubectlSide, a[i] as Outcome], [coxSide, b[i] as Outcome]);
    // Each by itself: what is kept of a failure has to say which line it was.
    expect.soft({ line, ...(verdict.cox as object) }).toEqual({ line, ...(verdict.kubectl as object) });
  }
});

test('the daily commands work without comparison', async () => {
  const lines: readonly (readonly [string, number, RegExp])[] = [
    ['k get deploy web -o wide', 0, /web +2\/2/],
    ['k create cm alone --from-literal=a=1', 0, /^configmap\/alone created$/m],
    ['k apply -f settings.yaml', 0, /^configmap\/settings /m],
    ['k scale deploy/web --replicas=2', 0, /^deployment.apps\/web scaled$/m],
    ['k describe pod solo', 0, /^Containers:\n +main:/m],
    ['k logs solo -c side', 0, /^beside$/m],
    ["k exec solo -c side -- sh -c 'echo $((6*7)); exit 7'", 7, /^42$/m],
    ['k why solo', 0, /^pod\/solo is fine\.$/m],
    ['k tree deploy/web', 0, /^Deployment\/web(.|\n)*─ReplicaSet\/web-(.|\n)*─Pod\/web-/m],
    ['k get secret keys -o decoded', 0, /^ {2}password: s3cr:t$/m],
    // Only the annotation itself keeps kubectl from applying anything with this flag.
    ['k apply -f settings2.yaml --overwrite=false', 0, /^configmap\/settings configured$/m],
    ['k get cm settings -v=6 2>&1', 0, /^GET https:\S+\/configmaps\/settings 200 OK in \d+ milliseconds$/m],
    ['k get cm settings --match-server-version -o name', 0, /^configmap\/settings$/m],
    ['k delete cm alone', 0, /^configmap "alone" deleted$/m],
    ['k get cm alone', 1, /^$/],
  ];
  for (const [line, code, out] of lines) {
    const outcome = await runLine(coxSide, line);
    expect({ line, code: outcome.code }).toEqual({ line, code });
    expect(outcome.out).toMatch(out);
  }
});

test('get -w shows changes as they come, and ends on ctrl-C', async () => {
  const watch = async (side: Side): Promise<string> => {
    const args = ['-n', side.namespace, 'get', 'cm', 'watched', '-w', '--no-headers'];
    await runLine(side, 'k create cm watched --from-literal=a=1');
    const child = spawn(side.program, args, { env: { ...process.env, KUBECONFIG: side.kubeconfig }, stdio: 'pipe' });
    let out = '';
    child.stdout.on('data', (c: Buffer) => {
      out += c.toString();
    });
    const lines = (n: number) => waitFor(`${n} lines`, async () => out.split('\n').length > n);
    await lines(1);
    await runLine(side, `k patch cm watched -p '{"data":{"b":"2"}}'`);
    await lines(2);
    await runLine(side, 'k delete cm watched');
    await lines(3);
    child.kill('SIGINT');
    await once(child, 'close');
    return collapse(normalise(out, side));
  };
  const [a, b] = await Promise.all([watch(kubectlSide), watch(coxSide)]);
  expect(b).toBe(a);
});
