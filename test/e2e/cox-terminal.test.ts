import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { kubectls } from '../bed/kubectls.ts';
import { repository } from '../bed/layout.ts';
import { useCluster } from '../bed/suite.ts';
import { waitFor } from '../bed/wait.ts';
import { type Outcome, runLine, type Side, sideOf } from './parity/compare.ts';
import { FILES } from './parity/files.ts';
import { prepare } from './parity/prepare.ts';
import { INTERRUPT, Terminal } from './terminal/terminal.ts';

/** What cox does at a terminal: exec -it, editors, tables that change in place, questions, ctrl-C. */
const cluster = useCluster('e2e-cox-terminal', { nodes: 1, apiservers: 1 });
let side: Side;
const open: Terminal[] = [];

beforeAll(async () => {
  const o = { kubeconfig: cluster().kubeconfig, namespace: 'terminal', files: FILES };
  side = sideOf(join(repository, 'bin/cox'), o);
  await prepare(side, kubectls().at(-1) ?? '');
});

afterEach(async () => {
  for (const t of open.splice(0)) await t.close();
});

afterAll(() => rmSync(side.folder, { recursive: true, force: true }));

function terminal(line: string, env?: Readonly<Record<string, string>>): Terminal {
  const t = new Terminal(side, line, env);
  open.push(t);
  return t;
}

async function ok(line: string): Promise<Outcome> {
  const outcome = await runLine(side, line);
  expect({ line, code: outcome.code, err: outcome.err }).toEqual({ line, code: 0, err: '' });
  return outcome;
}

test('exec -it: a shell with the size of the terminal, ctrl-C for what runs in it, its exit code', async () => {
  const t = terminal('k exec -it solo -c main -- sh; echo "code $?"; stty -a | grep -o " -*echo "');
  await t.sees(/\/ # /);
  // The size comes by a way of its own, and may be later than what is typed.
  t.type('until stty size | grep 30; do sleep 1; done; tty\n');
  await t.sees(/30 120\n\/dev\/pts\/\d/);
  t.type('echo begin; sleep 1000\n');
  await t.sees(/\nbegin\n/);
  t.type(INTERRUPT);
  await t.sees(/\/ # /);
  t.type('echo $((6*7)); exit 5\n');
  await t.sees(/\n42\n/);
  // The terminal is as it was: it echoes again.
  await t.sees(/code 5\n +echo/);
  expect(await t.ended()).toBe(0);
});

test('debug -it: an ephemeral container sees the processes of its target', async () => {
  const flags = '--image=coxswain/busybox:1 --image-pull-policy=Never --profile=general --target=main -c look';
  const t = terminal(`k debug -it solo ${flags} -- sh; echo "code $?"`);
  await t.sees(/\/ # /);
  t.type('ps; exit 3\n');
  await t.sees(/sleep 3600/);
  await t.sees(/code \d/);
});

test('a copy of a pod and a pod on a node to debug with', async () => {
  await ok('k debug solo --copy-to=twin --set-image=side=coxswain/hello:1 --profile=general -q');
  const { out } = await ok('k get pod twin -o jsonpath="{.spec.containers[*].image}"');
  expect(out).toBe('coxswain/busybox:1 coxswain/hello:1');
  const run = '--image=coxswain/busybox:1 --image-pull-policy=Never --profile=general';
  const t = terminal(`k debug -it node/node1 ${run} -- sh`);
  await t.sees(/\/ # /);
  t.type('ls /host/etc/hostname; exit\n');
  await t.sees(/\n\/host\/etc\/hostname\n/);
  await t.ended();
  await ok('k delete pod twin --now');
});

test('get -w changes in place, shows several types, marks what was deleted, and ends on ctrl-C', async () => {
  await ok('k create cm seen --from-literal=a=1; k label cm seen w=1');
  const t = terminal('trap : INT; k get cm,secret -l w=1 -w; echo "code $?"');
  await t.sees(/configmap\/seen +1/);
  await ok(`k patch cm seen -p '{"data":{"b":"2"}}'`);
  // Up over the two lines there are, and what was there is gone.
  await t.sees(/␛\[2A\r␛\[J[\s\S]*configmap\/seen +2/);
  await ok('k create secret generic other --from-literal=a=1; k label secret other w=1');
  await t.sees(/configmap\/seen +2[\s\S]*secret\/other +Opaque/);
  await ok('k delete cm seen');
  await t.sees(/configmap\/seen +2 .*\(deleted\)/);
  // The mark stays for some seconds and then goes, with the row.
  await t.sees(/␛\[J␛?[\s\S]*␛\[J(?:(?!configmap)[\s\S])*secret\/other[^␛]*$/);
  t.type(INTERRUPT);
  await t.sees(/code 130/);
  await ok('k delete secret other');
});

test('deleting several objects asks first; one, or --yes, does not', async () => {
  await ok('k create cm d1; k create cm d2; k create cm d3');
  const no = terminal('k delete cm d1 d2; echo "code $?"');
  await no.sees(
    /configmap "d1" in namespace terminal\n.*"d2"[\s\S]*Delete these 2 objects of context ".*"\? \[y\/N\] /,
  );
  no.type('n\n');
  await no.sees(/error: nothing was changed\ncode 1/);
  const interrupted = terminal('k delete cm d1 d2; echo "code $?"');
  await interrupted.sees(/\[y\/N\] /);
  interrupted.type(INTERRUPT);
  await interrupted.sees(/code 1/);
  await ok('k get cm d1 d2');
  const yes = terminal('k delete cm d1 d2; echo "code $?"');
  await yes.sees(/\[y\/N\] /);
  yes.type('y\n');
  await yes.sees(/configmap "d1" deleted[\s\S]*code 0/);
  await terminal('k delete cm d3').sees(/configmap "d3" deleted/);
  await ok('k create cm d1; k create cm d2');
  await terminal('k delete cm d1 d2 -y').sees(/configmap "d2" deleted/);
});

test('a protected context asks before apply and delete, and shows what would happen', async () => {
  const kubeconfig = join(side.folder, 'protected.conf');
  copyFileSync(side.kubeconfig, kubeconfig);
  const env = { KUBECONFIG: kubeconfig };
  await ok(`KUBECONFIG=${kubeconfig} k config set-context --current --protected`);
  const t = terminal('k apply -f many/a.yaml; k get cm many-a -o name', env);
  await t.sees(/configmap\/many-a created \(server dry run\)[\s\S]*context ".*", which is protected\? \[y\/N\] /);
  t.type('no\n');
  await t.sees(/nothing was changed[\s\S]*"many-a" not found/);
  const yes = terminal('k apply -f many/a.yaml', env);
  await yes.sees(/\[y\/N\] /);
  yes.type('yes\n');
  await yes.sees(/configmap\/many-a created\n/);
  await ok(`KUBECONFIG=${kubeconfig} k config set-context --current --no-protected`);
  expect(readFileSync(kubeconfig, 'utf8')).not.toMatch(/protected/);
  await terminal('k delete cm many-a', env).sees(/configmap "many-a" deleted/);
});

/** An editor that does one thing the first time it is opened, and another after that. */
function editor(first: string, later: string): string {
  const file = join(side.folder, `editor-${Math.random().toString(36).slice(2)}`);
  writeFileSync(
    file,
    `#!/bin/sh\ncase "$1" in */kubectl-edit-*) ;; *) exit 9 ;; esac\nif [ ! -e "$0.used" ]; then touch "$0.used"; ${first}; else cp "$1" "$0.seen"; ${later}; fi\n`,
    { mode: 0o755 },
  );
  return file;
}

test('edit: what is wrong stands on top when the editor opens again, and nothing typed is lost', async () => {
  const broken = editor(`sed -i 's/mode: fast/mode: [/' "$1"`, `sed -i 's/mode: \\[/mode: quick/' "$1"`);
  await ok('k apply -f settings.yaml');
  const saved = await runLine(side, `KUBE_EDITOR=${broken} k edit cm settings`);
  expect(saved).toMatchObject({ code: 0, out: 'configmap/settings edited\n' });
  expect(readFileSync(`${broken}.seen`, 'utf8')).toMatch(
    /^# error: the edited text, line \d+, column \d+: [\s\S]*mode: \[/m,
  );
  expect((await ok('k get cm settings -o jsonpath="{.data.mode}"')).out).toBe('quick');

  const refused = editor(`sed -i 's/^  mode: .*/  mode: {a: b}/' "$1"`, 'true');
  const given = await runLine(side, `KUBE_EDITOR=${refused} k edit cm settings`);
  expect(given.code).toBe(1);
  const copy = /A copy of your changes has been stored to "(.*)"/.exec(given.err)?.[1] ?? '';
  expect(readFileSync(copy, 'utf8')).toMatch(/mode: \{a: b\}/);
  rmSync(join(copy, '..'), { recursive: true });

  const untouched = await runLine(side, 'KUBE_EDITOR=true k edit cm settings');
  expect(untouched).toMatchObject({ code: 0, err: 'Edit cancelled, no changes made.\n' });
});

test('edit --decoded: values of a Secret as text; what others change meanwhile stays', async () => {
  const meanwhile = `"${side.program}" -n terminal label secret keys by=other >/dev/null`;
  const file = editor(`grep -q "password: s3cr:t" "$1" && sed -i 's/s3cr:t/new one/' "$1"; ${meanwhile}`, 'false');
  const edited = await runLine(side, `KUBE_EDITOR=${file} k edit secret keys --decoded`);
  expect(edited).toEqual({ code: 0, out: 'secret/keys edited\n', err: '' });
  const { out } = await ok('k get secret keys -o jsonpath="{.data}{.metadata.labels}"');
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  expect(out).toBe(`{"password":"${encode('new one')}","user":"${encode('ann')}"}{"by":"other"}`);
});

test('edit: a change of one container leaves what others change meanwhile in another', async () => {
  await ok('k create deploy edited --image=coxswain/hello:1 --image=coxswain/busybox:1 --replicas=0');
  const meanwhile = `"${side.program}" -n terminal set image deploy/edited busybox=coxswain/busybox:other >/dev/null`;
  const file = editor(`sed -i 's/image: .*hello:1/image: coxswain\\/hello:other/' "$1"; ${meanwhile}`, 'false');
  const edited = await runLine(side, `KUBE_EDITOR=${file} k edit deploy edited`);
  expect(edited).toEqual({ code: 0, out: 'deployment.apps/edited edited\n', err: '' });
  const { out } = await ok('k get deploy edited -o jsonpath="{.spec.template.spec.containers[*].image}"');
  expect(out).toBe('coxswain/hello:other coxswain/busybox:other');
  await ok('k delete deploy edited');
});

test('logs -f -l follows pods that are born later, one colour for each, and ends with the last of them', async () => {
  // Each lives until it is told to end, so that the second is there before the first has gone.
  const pod = (name: string, text: string): string =>
    `k run ${name} -l app=born --restart=Never --image=coxswain/busybox:1 --image-pull-policy=Never --command -- sh -c "echo ${text}; until [ -e /end ]; do sleep 0.2; done"`;
  const end = (name: string): Promise<Outcome> =>
    ok(`k exec ${name} -- touch /end; k wait --for=jsonpath='{.status.phase}'=Succeeded pod/${name} --timeout=100s`);
  const t = terminal('k logs -f -l app=born; echo "code $?"');
  await t.sees(/No pods in terminal namespace yet/);
  await ok(`${pod('one', 'first')}; ${pod('two', 'second')}`);
  await t.sees(/first\n[\s\S]*second\n|second\n[\s\S]*first\n/);
  await end('one');
  expect(t.text).not.toMatch(/code/);
  await end('two');
  await t.sees(/code 0/);
  const colourOf = (text: string): string | undefined =>
    new RegExp(`␛\\[(\\d+)m\\[pod/\\w+/\\w+\\] ␛\\[0m${text}`).exec(t.text)?.[1];
  expect(t.text).toMatch(/␛\[\d+m\[pod\/one\/one\] ␛\[0mfirst\n/);
  expect(t.text).toMatch(/␛\[\d+m\[pod\/two\/two\] ␛\[0msecond\n/);
  expect(colourOf('first')).not.toBe(colourOf('second'));
  expect((await ok('k logs -f -l app=born --tail=-1 | sort')).out).toBe('first\nsecond\n');
  await ok('k delete pod one two --now');
});

test('rollout status tells at once that pods are refused', async () => {
  await ok('k create quota none --hard=pods=0');
  await ok(`k wait --for=jsonpath='{.status.hard.pods}'=0 quota/none --timeout=100s`);
  await ok('k create deploy refused --image=coxswain/hello:1');
  const { code, err } = await runLine(side, 'k rollout status deploy/refused --timeout=100s');
  expect(code).toBe(1);
  expect(err).toMatch(/pods are refused: .*exceeded quota: none[\s\S]*Next: cox why deployment\/refused/);
  await ok('k delete deploy refused; k delete quota none');
});

test('a name that is not there: the nearest one that is', async () => {
  // Nobody is kept waiting for a hint for more than a second: on a busy machine there may be none.
  const says = (line: string, wanted: RegExp): Promise<boolean> =>
    waitFor(`${wanted}`, async () => {
      const t = terminal(line);
      await t.ended();
      return wanted.test(t.text);
    });
  await says('k get pod sol', /pods "sol" not found\nDid you mean "solo"\?/);
  await says('k logs solp', /not found\nDid you mean "solo"\?/);
  expect((await runLine(side, 'k get pod sol')).err).toBe('Error from server (NotFound): pods "sol" not found\n');
});
