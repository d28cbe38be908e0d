import type { Deployment, PodTemplateSpec, ReplicaSet } from '#api/kinds/index.ts';
import { formatLabelSelector } from '#api/meta/labels.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { CliContext } from '../context.ts';
import { containers } from './containers.ts';
import { spreading, tolerations } from './pod.ts';
import { annotations, controller, timeText } from './values.ts';
import { volumes } from './volumes.ts';
import type { DescriptionWriter } from './writer.ts';

const REVISION = 'deployment.kubernetes.io/revision';

/** A pod template, as it stands in the description of its workload. */
export function podTemplate(w: DescriptionWriter, t: PodTemplateSpec): void {
  w.line(0, 'Pod Template:');
  w.map(1, 'Labels:', t.metadata?.labels);
  if (Object.keys(t.metadata?.annotations ?? {}).length > 0) annotations(w, 1, t.metadata?.annotations);
  if (t.spec?.serviceAccountName) w.line(1, 'Service Account:', t.spec.serviceAccountName);
  templateSpec(w, t);
}

function templateSpec(w: DescriptionWriter, { spec }: PodTemplateSpec): void {
  containers(w, 'Init Containers:', spec?.initContainers ?? []);
  containers(w, 'Containers:', spec?.containers ?? []);
  volumes(w, spec?.volumes ?? [], 1);
  spreading(w, spec?.topologySpreadConstraints ?? [], 1);
  if (spec?.priorityClassName) w.line(1, 'Priority Class Name:', spec.priorityClassName);
  w.map(1, 'Node-Selectors:', spec?.nodeSelector);
  tolerations(w, spec?.tolerations ?? [], 1);
}

export const setText = (rs: ReplicaSet): string =>
  `${rs.metadata?.name} (${rs.status?.replicas ?? 0}/${rs.spec?.replicas ?? 1} replicas created)`;

async function setsOf(ctx: CliContext, d: Deployment): Promise<ReplicaSet[]> {
  const path = `/apis/apps/v1/namespaces/${d.metadata?.namespace}/replicasets`;
  const selector = formatLabelSelector(d.spec?.selector ?? {});
  const list = await ctx.rest.json<{ items: ReplicaSet[] }>({ path, query: { labelSelector: selector } });
  return list.items.filter((rs) => rs.metadata?.ownerReferences?.some((r) => r.uid === d.metadata?.uid));
}

/** The set whose template is the deployment's. */
function newest(d: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  const revision = d.metadata?.annotations?.[REVISION];
  return sets.find((rs) => rs.metadata?.annotations?.[REVISION] === revision);
}

export async function describeDeployment(w: DescriptionWriter, d: Deployment, ctx: CliContext): Promise<void> {
  const { metadata, spec, status } = d;
  w.line(0, 'Name:', metadata?.name ?? '');
  w.line(0, 'Namespace:', metadata?.namespace ?? '');
  w.line(0, 'CreationTimestamp:', timeText(metadata?.creationTimestamp));
  w.map(0, 'Labels:', metadata?.labels);
  annotations(w, 0, metadata?.annotations);
  w.line(0, 'Selector:', formatLabelSelector(spec?.selector ?? {}));
  w.line(
    0,
    'Replicas:',
    `${spec?.replicas ?? 1} desired | ${status?.updatedReplicas ?? 0} updated | ${status?.replicas ?? 0} total | ${status?.availableReplicas ?? 0} available | ${status?.unavailableReplicas ?? 0} unavailable`,
  );
  w.line(0, 'StrategyType:', spec?.strategy?.type ?? '');
  w.line(0, 'MinReadySeconds:', spec?.minReadySeconds ?? 0);
  const rolling = spec?.strategy?.rollingUpdate;
  if (rolling)
    w.line(0, 'RollingUpdateStrategy:', `${rolling.maxUnavailable} max unavailable, ${rolling.maxSurge} max surge`);
  podTemplate(w, spec?.template ?? {});
  conditionLines(w, status?.conditions ?? []);
  const sets = await setsOf(ctx, d);
  const current = newest(d, sets);
  const old = sets.filter((rs) => rs !== current);
  w.line(0, 'OldReplicaSets:', old.map(setText).join(', ') || '<none>');
  w.line(0, 'NewReplicaSet:', current ? setText(current) : '<none>');
}

export function conditionLines(
  w: DescriptionWriter,
  conditions: readonly { readonly type: string; readonly status: string; readonly reason?: string }[],
): void {
  if (conditions.length === 0) return;
  w.line(0, 'Conditions:');
  w.line(1, 'Type', 'Status', 'Reason');
  w.line(1, '----', '------', '------');
  for (const c of conditions) w.line(1, c.type, c.status, c.reason ?? '');
}

export async function describeReplicaSet(w: DescriptionWriter, rs: ReplicaSet, ctx: CliContext): Promise<void> {
  const { metadata, spec, status } = rs;
  w.line(0, 'Name:', metadata?.name ?? '');
  w.line(0, 'Namespace:', metadata?.namespace ?? '');
  w.line(0, 'Selector:', formatLabelSelector(spec?.selector ?? {}));
  w.map(0, 'Labels:', metadata?.labels);
  annotations(w, 0, metadata?.annotations);
  const owner = controller(rs);
  if (owner) w.line(0, 'Controlled By:', owner);
  w.line(0, 'Replicas:', `${status?.replicas ?? 0} current / ${spec?.replicas ?? 1} desired`);
  w.line(0, 'Pods Status:', await podsText(ctx, rs, spec?.selector ?? {}));
  podTemplate(w, spec?.template ?? {});
  conditionLines(w, status?.conditions ?? []);
}

/** "2 Running / 0 Waiting / …", of the pods an object has made. */
export async function podsText(
  ctx: CliContext,
  owner: KubeObject,
  selector: Parameters<typeof formatLabelSelector>[0],
): Promise<string> {
  const path = `/api/v1/namespaces/${owner.metadata?.namespace}/pods`;
  interface PodLike {
    metadata: { ownerReferences?: { uid: string }[] };
    status: { phase?: string };
  }
  const { items } = await ctx.rest.json<{ items: PodLike[] }>({
    path,
    query: { labelSelector: formatLabelSelector(selector) },
  });
  const own = items.filter((p) => p.metadata.ownerReferences?.some((r) => r.uid === owner.metadata?.uid));
  const n = (phase: string): number => own.filter((p) => p.status.phase === phase).length;
  return `${n('Running')} Running / ${n('Pending')} Waiting / ${n('Succeeded')} Succeeded / ${n('Failed')} Failed`;
}
