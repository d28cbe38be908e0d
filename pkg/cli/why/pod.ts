import type { Pod } from '#api/kinds/index.ts';
import type { Answer } from './answer.ts';

/** Reasons a container waits for that do not go away by themselves, and what they mean. */
const STUCK: Readonly<Record<string, string>> = {
  ErrImagePull: 'its image cannot be pulled',
  ImagePullBackOff: 'its image cannot be pulled',
  ErrImageNeverPull: 'its image is not on the node, and its pull policy is Never',
  InvalidImageName: 'the name of its image is not valid',
  CreateContainerConfigError: 'something its configuration refers to is missing',
  CreateContainerError: 'it cannot be created',
  RunContainerError: 'it cannot be started',
  CrashLoopBackOff: 'it ends again and again',
};

type Status = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

/** Why a container that ended did so. */
function ending(s: Status): string {
  const t = s.lastState?.terminated ?? s.state?.terminated;
  if (!t) return '';
  const signal =
    t.reason === 'OOMKilled' ? 'killed because it used more memory than its limit' : `exit code ${t.exitCode}`;
  return `${signal}${t.message ? `: ${t.message.trim()}` : ''}`;
}

/** What is wrong with one container; undefined when nothing that stays. */
function containerTrouble(pod: Pod, s: Status): Answer | undefined {
  const name = pod.metadata?.name ?? '';
  const { waiting, terminated } = s.state ?? {};
  const meaning = STUCK[waiting?.reason ?? ''];
  const ended = ending(s);
  if (waiting && meaning) {
    const crash = waiting.reason === 'CrashLoopBackOff';
    return {
      because: `container "${s.name}": ${meaning}${crash && ended ? ` (${ended})` : ''}`,
      evidence: [
        `${waiting.reason}${waiting.message ? `: ${waiting.message}` : ''}`,
        ...(crash ? [`restarted ${s.restartCount ?? 0} times`] : [`image ${s.image}`]),
      ],
      next: crash ? `cox logs ${name} -c ${s.name} --previous` : `cox describe pod ${name}`,
    };
  }
  if (terminated && terminated.exitCode !== 0) {
    const next = `cox logs ${name} -c ${s.name}`;
    return { because: `container "${s.name}" failed (${ended})`, evidence: [terminated.reason ?? ''], next };
  }
  return undefined;
}

/** What keeps a pod from running for good: a crash loop, a bad image, a missing reference, no node. */
export function lastingTrouble(pod: Pod): Answer | undefined {
  const all = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  for (const s of all) {
    const found = containerTrouble(pod, s);
    if (found) return found;
  }
  return undefined;
}

function unscheduled(pod: Pod): Answer | undefined {
  const c = pod.status?.conditions?.find((x) => x.type === 'PodScheduled' && x.status === 'False');
  if (!c) return undefined;
  const next = pod.spec?.volumes?.some((v) => v.persistentVolumeClaim)
    ? `cox get pvc -n ${pod.metadata?.namespace}`
    : 'cox describe nodes';
  return { because: 'no node can take it', evidence: [c.message ?? c.reason ?? ''], next };
}

function terminating(pod: Pod, now: number): Answer | undefined {
  const { deletionTimestamp, finalizers = [], name = '' } = pod.metadata ?? {};
  if (!deletionTimestamp) return undefined;
  if (finalizers.length > 0)
    return {
      because: 'it is being deleted, and finalizers keep it',
      evidence: finalizers.map((f) => `finalizer ${f}`),
      next: `cox get pod ${name} -o yaml`,
    };
  const late = now - Date.parse(deletionTimestamp);
  if (late <= 0)
    return {
      because: 'it is being deleted: its processes have time to end',
      evidence: [],
      next: `cox get pod ${name} -w`,
    };
  return {
    because: 'it is being deleted, but its node does not say that its processes have ended',
    evidence: [`since ${deletionTimestamp}`, `node ${pod.spec?.nodeName ?? 'none'}`],
    next: `cox get node ${pod.spec?.nodeName ?? ''}`,
  };
}

function unready(pod: Pod): Answer | undefined {
  const s = pod.status?.containerStatuses?.find((x) => !x.ready);
  if (!s) return undefined;
  const running = s.state?.running !== undefined;
  return {
    because: running
      ? `container "${s.name}" runs but is not ready: its readiness or startup probe fails`
      : `container "${s.name}" ${STARTING}`,
    evidence: s.state?.waiting?.reason ? [s.state.waiting.reason] : [],
    next: `cox events --for pod/${pod.metadata?.name}`,
  };
}

/** All containers are ready, and the pod is not. */
function unreadyBesides(pod: Pod): Answer | undefined {
  const { conditions = [] } = pod.status ?? {};
  const ready = conditions.find((c) => c.type === 'Ready');
  if (ready?.status !== 'False') return undefined;
  const gate = pod.spec?.readinessGates?.find(
    (g) => !conditions.some((c) => c.type === g.conditionType && c.status === 'True'),
  );
  const evidence = [[ready.reason, ready.message].filter(Boolean).join(': ')];
  const { name } = pod.metadata ?? {};
  if (gate)
    return {
      because: `its readiness gate "${gate.conditionType}" is not met`,
      evidence,
      next: `cox describe pod ${name}`,
    };
  const { nodeName = '' } = pod.spec ?? {};
  return {
    because: `its node ${nodeName} does not say that it is ready`,
    evidence,
    next: `cox describe node ${nodeName}`,
  };
}

const STARTING = 'is being started';
/** Events that tell why a container is not started for long. */
const NOT_STARTED: readonly (readonly [RegExp, string])[] = [
  [/^Failed(Mount|AttachVolume):/, 'cannot be started: a volume of its pod is not there'],
  [/^FailedCreatePodSandBox:/, 'cannot be started: its pod gets no network'],
];

/** An answer with what events say, newest first, as far as it does not say so already. */
export function withWarnings(answer: Answer, warnings: readonly string[]): Answer {
  const more = warnings.filter((w) => !answer.evidence.some((e) => e.includes(w) || w.includes(e)));
  const evidence = [...answer.evidence, ...more];
  const cause = NOT_STARTED.find(([pattern]) => warnings.some((w) => pattern.test(w)))?.[1];
  if (!cause || !answer.because.endsWith(STARTING)) return { ...answer, evidence };
  return { ...answer, because: answer.because.replace(STARTING, cause), evidence };
}

/** Why a pod does not do what it should; undefined when it does. */
export function whyPod(pod: Pod, now: number): Answer | undefined {
  if (pod.status?.phase === 'Succeeded') return undefined;
  const evicted = pod.status?.phase === 'Failed' && pod.status.reason;
  if (evicted)
    return {
      because: `it was ended: ${pod.status?.reason}`,
      evidence: pod.status?.message ? [pod.status.message] : [],
      next: `cox describe pod ${pod.metadata?.name}`,
    };
  return terminating(pod, now) ?? unscheduled(pod) ?? lastingTrouble(pod) ?? unready(pod) ?? unreadyBesides(pod);
}
