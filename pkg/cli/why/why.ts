import type {
  CronJob,
  DaemonSet,
  Deployment,
  EndpointSlice,
  Event,
  HorizontalPodAutoscaler,
  Ingress,
  IngressClass,
  Job,
  Namespace,
  NetworkPolicy,
  Node,
  PersistentVolumeClaim,
  Pod,
  Service,
} from '#api/kinds/index.ts';
import { isForbidden } from '#api/meta/errors.ts';
import { formatLabelSelector } from '#api/meta/labels.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { CliContext } from '../context.ts';
import { eventsAbout } from '../describe/events.ts';
import { CliError } from '../errors.ts';
import { foundObjects } from '../targets.ts';
import { type Answer, answerText, typedNext } from './answer.ts';
import { whyAutoscaler } from './autoscaler.ts';
import { whyNowhere } from './daemons.ts';
import { servicesOf, whyIngress } from './ingress.ts';
import { whyIsolated, whyServiceIsolated } from './isolation.ts';
import { lastJob, whyCronJob, whyJob } from './jobs.ts';
import { whyKept } from './kept.ts';
import { whyNode } from './node.ts';
import { lastingTrouble, whyPod, withWarnings } from './pod.ts';
import { whyPorts } from './ports.ts';

type Why = (ctx: CliContext, o: KubeObject) => Promise<Answer | undefined>;

/** The last warnings about an object, newest first. */
async function warnings(ctx: CliContext, o: KubeObject): Promise<string[]> {
  const events = await eventsAbout(ctx, o);
  const text = (e: Event): string => `${e.reason}: ${(e.message ?? '').trim()}`;
  return [...new Set(events.filter((e) => e.type === 'Warning').map(text))].reverse().slice(0, 3);
}

async function pod(ctx: CliContext, o: KubeObject): Promise<Answer | undefined> {
  const answer = whyPod(o as Pod, Date.now());
  if (answer) return withWarnings(answer, await warnings(ctx, o));
  if ((o as Pod).status?.phase !== 'Running') return undefined;
  return whyIsolated(o as Pod, await policiesIn(ctx, o.metadata?.namespace));
}

async function listed<T>(ctx: CliContext, path: string): Promise<T[]> {
  return (await ctx.rest.json<{ items: T[] }>({ path })).items;
}

/** The policies of a namespace; none for somebody who may not see them. */
async function policiesIn(ctx: CliContext, namespace: string | undefined): Promise<NetworkPolicy[]> {
  try {
    return await listed(ctx, `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`);
  } catch (e) {
    if (isForbidden(e)) return [];
    throw e;
  }
}

async function podsBy(ctx: CliContext, namespace: string | undefined, labelSelector: string): Promise<Pod[]> {
  const path = `/api/v1/namespaces/${namespace}/pods`;
  return (await ctx.rest.json<{ items: Pod[] }>({ path, query: { labelSelector } })).items;
}

/** What is wrong with one of some pods. */
async function whyOneOf(ctx: CliContext, pods: readonly Pod[]): Promise<Answer | undefined> {
  const bad = pods.find((p) => lastingTrouble(p)) ?? pods.find((p) => whyPod(p, Date.now()));
  if (!bad) return undefined;
  const answer = await pod(ctx, bad);
  return answer && { ...answer, because: `pod ${bad.metadata?.name}: ${answer.because}` };
}

async function workload(ctx: CliContext, o: KubeObject): Promise<Answer | undefined> {
  const { spec, status, metadata } = o as Deployment;
  const name = `${o.kind?.toLowerCase()}/${metadata?.name}`;
  const wanted = spec?.replicas ?? 1;
  if (wanted === 0) return { because: 'it is scaled to 0', evidence: [], next: `cox scale ${name} --replicas=1` };
  const answer = await whyOneOf(ctx, await podsBy(ctx, metadata?.namespace, formatLabelSelector(spec?.selector ?? {})));
  const ready = `${status?.readyReplicas ?? 0} of ${wanted} pods are ready`;
  if (answer) return { ...answer, evidence: [ready, ...answer.evidence] };
  if (spec?.paused) return { because: 'its roll-out is paused', evidence: [ready], next: `cox rollout resume ${name}` };
  const failure = status?.conditions?.find((c) => c.type === 'ReplicaFailure' && c.status === 'True');
  if (failure) {
    return { because: 'its pods are refused', evidence: [failure.message ?? ''], next: 'cox get resourcequota' };
  }
  if ((status?.readyReplicas ?? 0) >= wanted) return undefined;
  return absent(ready, await warnings(ctx, o), `cox rollout status ${name}`);
}

/** Why there are fewer pods than wanted, and nothing is wrong with those there are. */
function absent(counted: string, said: readonly string[], next: string): Answer {
  const refused = said.some((w) => /^FailedCreate: .*(exceeded quota|forbidden)/s.test(w));
  const evidence = [counted, ...said];
  return refused
    ? { because: 'its pods are refused', evidence, next: 'cox get resourcequota' }
    : { because: 'its pods are not there yet', evidence, next };
}

async function daemonSet(ctx: CliContext, o: KubeObject): Promise<Answer | undefined> {
  const { spec, status, metadata } = o as DaemonSet;
  const nowhere = whyNowhere(o as DaemonSet);
  if (nowhere) return nowhere;
  const wanted = status?.desiredNumberScheduled ?? 0;
  if ((status?.numberReady ?? 0) >= wanted) return undefined;
  const counted = `${status?.numberReady ?? 0} of ${wanted} pods are ready`;
  const answer = await whyOneOf(ctx, await podsBy(ctx, metadata?.namespace, formatLabelSelector(spec?.selector ?? {})));
  if (answer) return { ...answer, evidence: [counted, ...answer.evidence] };
  return absent(counted, await warnings(ctx, o), `cox rollout status daemonset/${metadata?.name}`);
}

async function job(ctx: CliContext, o: KubeObject): Promise<Answer | undefined> {
  const { spec, status, metadata } = o as Job;
  const told = whyJob(o as Job);
  if (told || status?.completionTime) return told;
  const pods = await podsBy(ctx, metadata?.namespace, formatLabelSelector(spec?.selector ?? {}));
  const answer = await whyOneOf(ctx, pods);
  if (answer || pods.length > 0) return answer;
  const counted = `${status?.succeeded ?? 0} of ${spec?.completions ?? 1} pods have succeeded`;
  return absent(counted, await warnings(ctx, o), `cox describe job ${metadata?.name}`);
}

async function cronJob(ctx: CliContext, o: KubeObject): Promise<Answer | undefined> {
  const idle = whyCronJob(o as CronJob, await warnings(ctx, o));
  if (idle) return idle;
  const jobs = await listed<Job>(ctx, `/apis/batch/v1/namespaces/${o.metadata?.namespace}/jobs`);
  const last = lastJob(o as CronJob, jobs);
  const answer = last && (await job(ctx, last));
  return answer && { ...answer, because: `its last job ${last.metadata?.name}: ${answer.because}` };
}

async function ingress(ctx: CliContext, o: KubeObject): Promise<Answer | undefined> {
  const namespace = `/api/v1/namespaces/${o.metadata?.namespace}`;
  const [classes, services] = await Promise.all([
    listed<IngressClass>(ctx, '/apis/networking.k8s.io/v1/ingressclasses'),
    listed<Service>(ctx, `${namespace}/services`),
  ]);
  const secrets = ((o as Ingress).spec?.tls ?? []).flatMap((t) => t.secretName ?? []);
  const there = await Promise.all(secrets.map((name) => ctx.rest.found(`${namespace}/secrets/${name}`)));
  const missingSecrets = secrets.filter((_, i) => !there[i]);
  const answer = whyIngress(o as Ingress, { classes, services, missingSecrets });
  if (answer) return answer;
  for (const name of servicesOf(o as Ingress)) {
    const found = services.find((s) => s.metadata?.name === name);
    const trouble = found && (await service(ctx, found));
    if (trouble) return { ...trouble, because: `its Service "${name}": ${trouble.because}` };
  }
  return undefined;
}

async function service(ctx: CliContext, o: KubeObject): Promise<Answer | undefined> {
  const { spec, metadata } = o as Service;
  const { name = '', namespace } = metadata ?? {};
  const slices = await ctx.rest.json<{ items: EndpointSlice[] }>({
    path: `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`,
    query: { labelSelector: `kubernetes.io/service-name=${name}` },
  });
  const ready = slices.items.flatMap((s) => s.endpoints ?? []).filter((e) => e.conditions?.ready !== false);
  if (spec?.type === 'ExternalName') return undefined;
  const selector = Object.entries(spec?.selector ?? {})
    .map(([k, v]) => `${k}=${v}`)
    .join(',');
  if (!selector && ready.length > 0) return undefined;
  if (!selector)
    return {
      because: 'it has no selector, and nobody has given it endpoints',
      evidence: [],
      next: `cox describe svc ${name}`,
    };
  const pods = await podsBy(ctx, namespace, selector);
  if (ready.length > 0) {
    const wrong = whyPorts(o as Service, pods);
    return wrong ?? whyServiceIsolated(o as Service, pods, await policiesIn(ctx, namespace));
  }
  if (pods.length === 0)
    return {
      because: 'no pod has the labels it selects by',
      evidence: [`selector ${selector}`],
      next: 'cox get pods --show-labels',
    };
  const answer = await whyOneOf(ctx, pods);
  if (answer) return { ...answer, evidence: [`none of its ${pods.length} pods is ready`, ...answer.evidence] };
  return {
    because: 'its pods are ready, but none is among its endpoints',
    evidence: [`selector ${selector}`],
    next: `cox describe svc ${name}`,
  };
}

async function claim(ctx: CliContext, o: KubeObject): Promise<Answer | undefined> {
  const { spec, status, metadata } = o as PersistentVolumeClaim;
  if (status?.phase === 'Bound' && !metadata?.deletionTimestamp) return undefined;
  const said = await warnings(ctx, o);
  if (metadata?.deletionTimestamp)
    return {
      because: 'it is being deleted, and is kept while a pod uses it',
      evidence: (metadata.finalizers ?? []).map((f) => `finalizer ${f}`),
      next: 'cox get pods',
    };
  if (status?.phase === 'Lost')
    return { because: 'its volume is gone', evidence: said, next: `cox get pv ${spec?.volumeName ?? ''}` };
  const name = spec?.storageClassName;
  if (!name)
    return {
      because: 'it names no storage class, and no volume fits',
      evidence: said,
      next: 'cox get storageclass,pv',
    };
  const { items } = await ctx.rest.json<{ items: (KubeObject & { volumeBindingMode?: string })[] }>({
    path: '/apis/storage.k8s.io/v1/storageclasses',
  });
  const found = items.find((c) => c.metadata?.name === name);
  if (!found) return { because: `there is no storage class "${name}"`, evidence: said, next: 'cox get storageclass' };
  if (found.volumeBindingMode === 'WaitForFirstConsumer' && said.length === 0)
    return {
      because: 'it waits for the first pod that uses it',
      evidence: [`storage class ${name}`],
      next: 'cox get pods',
    };
  return {
    because: 'no volume has been made for it',
    evidence: [`storage class ${name}`, ...said],
    next: `cox describe pvc ${metadata?.name}`,
  };
}

async function namespace(_ctx: CliContext, o: KubeObject): Promise<Answer | undefined> {
  const { metadata, status, spec } = o as Namespace;
  if (!metadata?.deletionTimestamp) return undefined;
  const said = (status?.conditions ?? []).filter((c) => c.status === 'True').map((c) => c.message ?? c.reason ?? '');
  const kept = [...(metadata.finalizers ?? []), ...(spec?.finalizers ?? [])].map((f) => `finalizer ${f}`);
  return {
    because: 'it is being deleted, and something in it is not gone yet',
    evidence: said.length > 0 ? said : kept,
    next: `cox get everything -n ${metadata.name}`,
  };
}

const KINDS: Readonly<Record<string, Why>> = {
  Pod: pod,
  Deployment: workload,
  ReplicaSet: workload,
  StatefulSet: workload,
  DaemonSet: daemonSet,
  Job: job,
  CronJob: cronJob,
  HorizontalPodAutoscaler: async (_ctx, o) => whyAutoscaler(o as HorizontalPodAutoscaler),
  Service: service,
  Ingress: ingress,
  PersistentVolumeClaim: claim,
  Namespace: namespace,
  Node: async (_ctx, o) => whyNode(o as Node),
};

/** These tell themselves why their deletion takes time. */
const OWN_DELETION = new Set(['Pod', 'PersistentVolumeClaim', 'Namespace']);

/** `cox why TYPE/NAME`: one answer to why something does not run, is not reached, is pending or stuck. */
export async function why(ctx: CliContext, args: readonly string[]): Promise<number> {
  const [only, ...more] = args;
  if (!only) throw new CliError('say what: cox why POD, cox why deploy/web, cox why svc/web');
  const what = more.length === 0 && !only.includes('/') ? [`pods/${only}`] : args;
  let code = 0;
  for (const { object, resource } of await foundObjects(ctx, what, {})) {
    const look = KINDS[object.kind ?? ''];
    const kept = OWN_DELETION.has(resource.kind) ? undefined : whyKept(object, resource.singular);
    if (!look && !kept) throw new CliError(`cox why knows ${Object.keys(KINDS).join(', ')}, not ${resource.kind}`);
    const answer = kept ?? (await look?.(ctx, object));
    if (answer) code = 1;
    ctx.out(
      answerText(
        `${resource.singular}/${object.metadata?.name}`,
        answer && { ...answer, next: typedNext(answer.next, ctx) },
      ),
    );
  }
  return code;
}
