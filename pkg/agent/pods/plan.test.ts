import { expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import type { ContainerRecord } from '../runtime/types.ts';
import type { PodRuntime } from '../runtime/view.ts';
import { type Action, type PlanInput, plan, restarts } from './plan.ts';

const NOW = 1_000_000;

const record = (name: string, more: Partial<ContainerRecord> = {}): ContainerRecord => ({
  id: `${name || 'sandbox'}-${more.attempt ?? 0}`,
  podUid: 'u',
  namespace: 'ns',
  pod: 'p',
  name,
  attempt: 0,
  hash: 'same',
  sandboxId: name ? 'sandbox-0' : '',
  image: 'i',
  state: 'running',
  exitCode: 0,
  oomKilled: false,
  createdAt: 0,
  startedAt: 0,
  finishedAt: 0,
  ...more,
});
const exited = (name: string, exitCode: number, attempt = 0) => record(name, { state: 'exited', exitCode, attempt });

interface Sketch {
  init?: { name: string; restartPolicy?: string }[];
  app?: string[];
  policy?: string;
  sandbox?: ContainerRecord | null;
  stale?: ContainerRecord[];
  /** Newest attempt first. */
  records?: ContainerRecord[];
  blocked?: Record<string, number>;
  unhealthy?: string[];
  stopping?: string[];
  told?: string[];
  graceOver?: boolean;
  terminating?: boolean;
  terminal?: boolean;
  resize?: Record<string, 'restart' | 'in place'>;
}

function input(s: Sketch): PlanInput {
  const containers = new Map<string, ContainerRecord[]>();
  for (const r of s.records ?? []) containers.set(r.name, [...(containers.get(r.name) ?? []), r]);
  const runtime: PodRuntime = {
    sandbox: s.sandbox === null ? undefined : (s.sandbox ?? record('')),
    staleSandboxes: s.stale ?? [],
    containers,
  };
  return {
    pod: {
      spec: {
        restartPolicy: s.policy ?? 'Always',
        initContainers: s.init ?? [],
        containers: (s.app ?? ['a']).map((name) => ({ name })),
      },
    } as unknown as Pod,
    runtime,
    terminating: s.terminating ?? false,
    terminal: s.terminal ?? false,
    graceSeconds: 30,
    graceOver: s.graceOver ?? false,
    now: NOW,
    notBefore: (name) => s.blocked?.[name] ?? 0,
    unhealthy: new Map((s.unhealthy ?? []).map((id) => [id, { reason: 'failed liveness probe' }])),
    started: () => true,
    stopping: new Set(s.stopping),
    told: new Set([...(s.stopping ?? []), ...(s.told ?? [])]),
    hashOf: () => 'same',
    resizeOf: (_c, r) =>
      s.resize?.[r.id] === undefined
        ? undefined
        : { record: r, limits: { cpuShares: 2, cpuQuotaUs: 0, memoryBytes: 9 }, restart: s.resize[r.id] === 'restart' },
  };
}

/** The action in one line. */
function told(a: Action): string {
  switch (a.do) {
    case 'start':
      return `start ${a.containers.map((c) => `${c.container.name}#${c.attempt}${c.obsolete.length > 0 ? `-${c.obsolete}` : ''}`).join(' ')}`;
    case 'kill':
      return `kill ${a.targets.map((t) => `${t.record.id}/${t.graceSeconds}`).join(' ')}${
        a.later?.length ? `, later ${a.later.map((t) => t.record.id).join(' ')}` : ''
      }: ${[...a.targets, ...(a.later ?? [])][0]?.reason}`;
    case 'remove':
    case 'removeSandboxes':
      return `${a.do} ${a.ids.join(' ')}`;
    case 'resize':
      return `resize ${a.targets.map((t) => `${t.record.id}=${t.limits.memoryBytes}`).join(' ')}`;
    case 'createSandbox':
      return `createSandbox #${a.attempt}`;
    case 'wait':
      return a.untilMs === undefined ? 'wait' : `wait until ${a.untilMs}`;
    default:
      return a.do;
  }
}

const init = [{ name: 'i' }, { name: 'j' }];
const two = ['s', 't'].map((name) => ({ name, restartPolicy: 'Always' }));
const sidecar = [{ name: 's', restartPolicy: 'Always' }];

test.each<[string, Sketch, string]>([
  ['a new pod gets a sandbox', { sandbox: null }, 'createSandbox #0'],
  ['a dead sandbox is replaced', { sandbox: exited('', 0, 2) }, 'createSandbox #3'],
  [
    'with Never too, for a container that was made and never started',
    { policy: 'Never', sandbox: exited('', 255), records: [record('a', { state: 'created' })] },
    'createSandbox #1',
  ],
  [
    'in which it is made anew',
    { policy: 'Never', sandbox: record('', { attempt: 1 }), records: [record('a', { state: 'created' })] },
    'start a#0-a-0',
  ],
  [
    'and for one beside another that ended',
    { policy: 'Never', app: ['a', 'b'], sandbox: exited('', 255), records: [exited('a', 0)] },
    'createSandbox #1',
  ],
  [
    'which is not started again',
    { policy: 'Never', app: ['a', 'b'], sandbox: record('', { attempt: 1 }), records: [exited('a', 0)] },
    'start b#0',
  ],
  [
    'with Never nothing is made where all have ended',
    { policy: 'Never', sandbox: exited('', 255), records: [exited('a', 0)] },
    'wait',
  ],
  [
    'after its containers were killed',
    { sandbox: exited('', 0), records: [record('a')] },
    'kill a-0/30: Pod sandbox changed, it will be killed and re-created.',
  ],
  ['old sandboxes go', { stale: [exited('', 0)], sandbox: record('', { attempt: 1 }) }, 'removeSandboxes sandbox-0'],
  [
    'also while none can be started',
    { stale: [record('', { state: 'created' })], sandbox: record('', { state: 'created', attempt: 1 }) },
    'removeSandboxes sandbox-0',
  ],
  ['all app containers start together', { app: ['a', 'b'] }, 'start a#0 b#0'],
  ['init containers start one by one', { init }, 'start i#0'],
  ['the next waits for the one before', { init, records: [record('i')] }, 'wait'],
  ['and follows it', { init, records: [exited('i', 0)] }, 'start j#0'],
  ['the app follows all of them', { init, records: [exited('i', 0), exited('j', 0)] }, 'start a#0'],
  ['a failed init container is tried again', { init, records: [exited('i', 1)] }, 'start i#1'],
  ['but not with Never', { init, policy: 'Never', records: [exited('i', 1)] }, 'wait'],
  ['nor before its time', { init, records: [exited('i', 1)], blocked: { i: NOW + 5 } }, `wait until ${NOW + 5}`],
  ['a sidecar starts before the app', { init: sidecar }, 'start s#0'],
  ['the app starts beside a sidecar', { init: sidecar, records: [record('s')] }, 'start a#0'],
  [
    'a sidecar that ended well starts again',
    { init: sidecar, policy: 'Never', records: [exited('s', 0)] },
    'start s#1',
  ],
  ['a sidecar whose image cannot be had waits', { init: sidecar, blocked: { s: NOW + 9 } }, `wait until ${NOW + 9}`],
  ['running is enough', { records: [record('a')] }, 'wait'],
  ['Always starts again after success', { records: [exited('a', 0, 4), exited('a', 0, 3)] }, 'start a#5-a-3'],
  ['OnFailure does not', { policy: 'OnFailure', records: [exited('a', 0)] }, 'wait'],
  ['OnFailure does after failure', { policy: 'OnFailure', records: [exited('a', 3)] }, 'start a#1'],
  ['Never does not', { policy: 'Never', records: [exited('a', 3)] }, 'wait'],
  ['back-off holds at its last millisecond', { blocked: { a: NOW + 1 } }, `wait until ${NOW + 1}`],
  ['and ends in time', { blocked: { a: NOW } }, 'start a#0'],
  ['the earliest back-off counts', { app: ['a', 'b'], blocked: { a: NOW + 9, b: NOW + 4 } }, `wait until ${NOW + 4}`],
  ['one in back-off does not hold up another', { app: ['a', 'b'], blocked: { a: NOW + 9 } }, 'start b#0'],
  [
    'a changed container is killed',
    { records: [record('a', { hash: 'other' })] },
    'kill a-0/30: Container a definition changed, will be restarted',
  ],
  [
    'an unhealthy one too',
    { records: [record('a')], unhealthy: ['a-0'] },
    'kill a-0/30: Container a failed liveness probe, will be restarted',
  ],
  ['bounds change in place', { records: [record('a')], resize: { 'a-0': 'in place' } }, 'resize a-0=9'],
  [
    'or with a restart',
    { records: [record('a')], resize: { 'a-0': 'restart' } },
    'kill a-0/30: Container a resize requires restart',
  ],
  ['but only once', { records: [record('a')], unhealthy: ['a-0'], stopping: ['a-0'] }, 'wait'],
  ['deletion stops what runs', { terminating: true, records: [record('a')] }, 'kill a-0/30: Stopping container'],
  ['and waits for it', { terminating: true, records: [record('a')], stopping: ['a-0'] }, 'wait'],
  ['then takes all away', { terminating: true, records: [exited('a', 0)] }, 'remove a-0 sandbox-0'],
  ['then is finished', { terminating: true, sandbox: null }, 'finish'],
  [
    'sidecars hear of it with the others',
    { terminating: true, init: two, records: [record('s'), record('t'), record('a')] },
    'kill a-0/30, later s-0 t-0: Stopping container',
  ],
  [
    'also where the others are being stopped already',
    {
      terminating: true,
      init: two,
      records: [record('s'), record('t'), record('a')],
      stopping: ['a-0'],
      told: ['s-0'],
    },
    'kill , later t-0: Stopping container',
  ],
  [
    'but go one by one, the last started first',
    { terminating: true, init: two, records: [record('s'), record('t')], told: ['s-0', 't-0'] },
    'kill t-0/30: Stopping container',
  ],
  [
    'and all at once when the grace is over',
    {
      terminating: true,
      init: two,
      records: [record('s'), record('t'), record('a')],
      stopping: ['a-0'],
      graceOver: true,
    },
    'kill s-0/30 t-0/30: Stopping container',
  ],
  [
    'a pod that ended stops its sidecars',
    { terminal: true, init: sidecar, records: [record('s')] },
    'kill s-0/30: Stopping container',
  ],
  ['and keeps its containers for their logs', { terminal: true, records: [exited('a', 0)] }, 'remove sandbox-0'],
  ['and that is all', { terminal: true, sandbox: null, records: [exited('a', 0)] }, 'wait'],
])('%s', (_, sketch, expected) => {
  expect(told(plan(input(sketch)))).toBe(expected);
});

test.each([
  ['Always', 0, true],
  ['Always', 1, true],
  [undefined, 0, true],
  ['OnFailure', 0, false],
  ['OnFailure', 137, true],
  ['Never', 1, false],
])('%s, exit code %i: starts again %s', (policy, code, again) => {
  expect(restarts(policy, code)).toBe(again);
});
