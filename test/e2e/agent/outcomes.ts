import type { Pod } from '#api/kinds/index.ts';
import { mainOf } from './pods.ts';

/** What matters of how a pod of one container ends. */
export type Outcome = Partial<Record<'phase' | 'waiting' | 'terminated' | 'last' | 'exit', string | number>>;

export function outcome(p: Pod): Outcome {
  const s = mainOf(p);
  const end = s?.state?.terminated ?? s?.lastState?.terminated;
  return {
    phase: p.status?.phase ?? '',
    ...(s?.state?.waiting ? { waiting: s.state.waiting.reason ?? '' } : {}),
    ...(s?.state?.terminated ? { terminated: s.state.terminated.reason ?? '' } : {}),
    ...(end ? { exit: end.exitCode } : {}),
  };
}

const sick = {
  exec: { command: ['false'] },
  periodSeconds: 1,
  failureThreshold: 1,
  terminationGracePeriodSeconds: 1,
};
const backOff = { phase: 'Running', waiting: 'CrashLoopBackOff' };
/** Name, restart policy, script, more of the container, what comes of it. */
export const OUTCOMES: readonly (readonly [string, string, string, object, Outcome])[] = [
  ['always-0', 'Always', 'exit 0', {}, { ...backOff, exit: 0 }],
  ['always-3', 'Always', 'exit 3', {}, { ...backOff, exit: 3 }],
  ['onfailure-0', 'OnFailure', 'exit 0', {}, { phase: 'Succeeded', terminated: 'Completed', exit: 0 }],
  ['onfailure-3', 'OnFailure', 'exit 3', {}, { ...backOff, exit: 3 }],
  ['never-0', 'Never', 'exit 0', {}, { phase: 'Succeeded', terminated: 'Completed', exit: 0 }],
  ['never-3', 'Never', 'exit 3', {}, { phase: 'Failed', terminated: 'Error', exit: 3 }],
  ['always-sick', 'Always', 'sleep 3600', { livenessProbe: sick }, { ...backOff, exit: 137 }],
  ['onfailure-sick', 'OnFailure', 'sleep 3600', { livenessProbe: sick }, { ...backOff, exit: 137 }],
  ['never-sick', 'Never', 'sleep 3600', { livenessProbe: sick }, { phase: 'Failed', terminated: 'Error', exit: 137 }],
  ['always-slow', 'Always', 'sleep 3600', { startupProbe: sick }, { ...backOff, exit: 137 }],
  ['onfailure-slow', 'OnFailure', 'sleep 3600', { startupProbe: sick }, { ...backOff, exit: 137 }],
  ['never-slow', 'Never', 'sleep 3600', { startupProbe: sick }, { phase: 'Failed', terminated: 'Error', exit: 137 }],
  ['never-ready', 'Never', 'sleep 1', { readinessProbe: { exec: { command: ['false'] } } }, { phase: 'Succeeded' }],
];

const WAITS = ['10s', '20s', '40s', '1m20s', '2m40s', '5m0s'];
/** Whether a pod in back-off says how long it waits, by the number of its restarts. */
export const tellsItsWait = (x: Pod): boolean => {
  const { restartCount = 0, state } = mainOf(x) ?? {};
  const wait = WAITS[Math.min(restartCount, WAITS.length) - 1];
  const who = `container=main pod=${x.metadata?.name}_default(${x.metadata?.uid})`;
  return state?.waiting?.message === `back-off ${wait} restarting failed ${who}`;
};
