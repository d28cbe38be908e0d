import type { DaemonSet, PersistentVolumeClaim, ReplicationController, StatefulSet } from '#api/kinds/index.ts';
import type { CliContext } from '../context.ts';
import { annotations, flatMap, selectorText, timeText } from './values.ts';
import { conditionLines, podsText, podTemplate } from './workloads.ts';
import type { DescriptionWriter } from './writer.ts';

export async function describeDaemonSet(w: DescriptionWriter, d: DaemonSet, ctx: CliContext): Promise<void> {
  const { metadata, spec, status } = d;
  w.line(0, 'Name:', metadata?.name ?? '');
  w.line(0, 'Namespace:', metadata?.namespace ?? '');
  w.line(0, 'Selector:', selectorText(spec?.selector));
  w.line(0, 'Node-Selector:', flatMap(spec?.template?.spec?.nodeSelector));
  w.map(0, 'Labels:', metadata?.labels);
  annotations(w, 0, metadata?.annotations);
  w.line(0, `Desired Number of Nodes Scheduled: ${status?.desiredNumberScheduled ?? 0}`);
  w.line(0, `Current Number of Nodes Scheduled: ${status?.currentNumberScheduled ?? 0}`);
  w.line(0, `Number of Nodes Scheduled with Up-to-date Pods: ${status?.updatedNumberScheduled ?? 0}`);
  w.line(0, `Number of Nodes Scheduled with Available Pods: ${status?.numberAvailable ?? 0}`);
  w.line(0, `Number of Nodes Misscheduled: ${status?.numberMisscheduled ?? 0}`);
  w.line(0, 'Pods Status:', await podsText(ctx, d, spec?.selector ?? {}));
  podTemplate(w, spec?.template ?? {});
}

export async function describeStatefulSet(w: DescriptionWriter, s: StatefulSet, ctx: CliContext): Promise<void> {
  const { metadata, spec, status } = s;
  w.line(0, 'Name:', metadata?.name ?? '');
  w.line(0, 'Namespace:', metadata?.namespace ?? '');
  w.line(0, 'CreationTimestamp:', timeText(metadata?.creationTimestamp));
  w.line(0, 'Selector:', selectorText(spec?.selector));
  w.map(0, 'Labels:', metadata?.labels);
  annotations(w, 0, metadata?.annotations);
  w.line(0, 'Replicas:', `${spec?.replicas ?? 1} desired | ${status?.replicas ?? 0} total`);
  w.line(0, 'Update Strategy:', spec?.updateStrategy?.type ?? '');
  const rolling = spec?.updateStrategy?.rollingUpdate;
  if (rolling) {
    w.line(1, 'Partition:', rolling.partition ?? 0);
    if (rolling.maxUnavailable !== undefined) w.line(1, 'MaxUnavailable:', String(rolling.maxUnavailable));
  }
  w.line(0, 'Pods Status:', await podsText(ctx, s, spec?.selector ?? {}));
  podTemplate(w, spec?.template ?? {});
  claimTemplates(w, spec?.volumeClaimTemplates ?? []);
}

function claimTemplates(w: DescriptionWriter, list: readonly PersistentVolumeClaim[]): void {
  if (list.length === 0) {
    w.line(0, 'Volume Claims:', '<none>');
    return;
  }
  w.line(0, 'Volume Claims:');
  for (const c of list) {
    w.line(1, 'Name:', c.metadata?.name ?? '');
    w.line(1, 'StorageClass:', c.spec?.storageClassName ?? '');
    w.map(1, 'Labels:', c.metadata?.labels);
    w.map(1, 'Annotations:', c.metadata?.annotations);
    const { storage } = (c.spec?.resources?.requests ?? {}) as Record<string, string>;
    w.line(1, 'Capacity:', storage === undefined ? '<default>' : String(storage));
    w.line(1, 'Access Modes:', `[${(c.spec?.accessModes ?? []).join(' ')}]`);
  }
}

export async function describeController(
  w: DescriptionWriter,
  rc: ReplicationController,
  ctx: CliContext,
): Promise<void> {
  const { metadata, spec, status } = rc;
  w.line(0, 'Name:', metadata?.name ?? '');
  w.line(0, 'Namespace:', metadata?.namespace ?? '');
  w.line(0, 'Selector:', flatMap(spec?.selector));
  w.map(0, 'Labels:', metadata?.labels);
  annotations(w, 0, metadata?.annotations);
  w.line(0, 'Replicas:', `${status?.replicas ?? 0} current / ${spec?.replicas ?? 1} desired`);
  w.line(0, 'Pods Status:', await podsText(ctx, rc, { matchLabels: spec?.selector ?? {} }));
  podTemplate(w, spec?.template ?? {});
  conditionLines(w, status?.conditions ?? []);
}
