import type { DaemonSet, Deployment, StatefulSet } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { CliError } from '../errors.ts';

/** How far a roll-out is: what to tell, and whether it is at its end. */
export interface Progress {
  readonly text: string;
  readonly done: boolean;
}

const waiting = (text: string): Progress => ({ text: `${text}\n`, done: false });
const ended = (text: string): Progress => ({ text: `${text}\n`, done: true });

/** @throws CliError when the deployment has exceeded its progress deadline */
function ofDeployment(d: Deployment): Progress {
  const { metadata, spec, status } = d;
  const name = metadata?.name ?? '';
  if ((metadata?.generation ?? 0) > (status?.observedGeneration ?? 0))
    return waiting('Waiting for deployment spec update to be observed...');
  if (status?.conditions?.some((c) => c.type === 'Progressing' && c.reason === 'ProgressDeadlineExceeded')) {
    throw new CliError(`deployment "${name}" exceeded its progress deadline`);
  }
  const wanted = spec?.replicas ?? 1;
  const updated = status?.updatedReplicas ?? 0;
  const total = status?.replicas ?? 0;
  const available = status?.availableReplicas ?? 0;
  const prefix = `Waiting for deployment "${name}" rollout to finish:`;
  if (updated < wanted) return waiting(`${prefix} ${updated} out of ${wanted} new replicas have been updated...`);
  if (total > updated) return waiting(`${prefix} ${total - updated} old replicas are pending termination...`);
  if (available < updated) return waiting(`${prefix} ${available} of ${updated} updated replicas are available...`);
  return ended(`deployment "${name}" successfully rolled out`);
}

function ofDaemonSet(d: DaemonSet): Progress {
  const { metadata, spec, status } = d;
  if (spec?.updateStrategy?.type === 'OnDelete')
    throw new CliError('rollout status is only available for RollingUpdate strategy type');
  if ((metadata?.generation ?? 0) > (status?.observedGeneration ?? 0))
    return waiting('Waiting for daemon set spec update to be observed...');
  const wanted = status?.desiredNumberScheduled ?? 0;
  const updated = status?.updatedNumberScheduled ?? 0;
  const available = status?.numberAvailable ?? 0;
  const prefix = `Waiting for daemon set "${metadata?.name}" rollout to finish:`;
  if (updated < wanted) return waiting(`${prefix} ${updated} out of ${wanted} new pods have been updated...`);
  if (available < wanted) return waiting(`${prefix} ${available} of ${wanted} updated pods are available...`);
  return ended(`daemon set "${metadata?.name}" successfully rolled out`);
}

function ofStatefulSet(s: StatefulSet): Progress {
  const { metadata, spec, status } = s;
  if (spec?.updateStrategy?.type === 'OnDelete')
    throw new CliError('rollout status is only available for RollingUpdate strategy type');
  if (!status?.observedGeneration || (metadata?.generation ?? 0) > status.observedGeneration) {
    return waiting('Waiting for statefulset spec update to be observed...');
  }
  const wanted = spec?.replicas ?? 1;
  const ready = status.readyReplicas ?? 0;
  const updated = status.updatedReplicas ?? 0;
  if (ready < wanted) return waiting(`Waiting for ${wanted - ready} pods to be ready...`);
  const partition = spec?.updateStrategy?.rollingUpdate?.partition ?? 0;
  if (partition > 0) {
    const share = wanted - partition;
    if (updated < share)
      return waiting(
        `Waiting for partitioned roll out to finish: ${updated} out of ${share} new pods have been updated...`,
      );
    return ended(`partitioned roll out complete: ${updated} new pods have been updated...`);
  }
  if (status.updateRevision !== status.currentRevision) {
    return waiting(
      `waiting for statefulset rolling update to complete ${updated} pods at revision ${status.updateRevision}...`,
    );
  }
  return ended(
    `statefulset rolling update complete ${status.currentReplicas ?? 0} pods at revision ${status.currentRevision}...`,
  );
}

/** @throws CliError for a kind that has no roll-outs, or one that has failed */
export function progressOf(o: KubeObject): Progress {
  if (o.kind === 'Deployment') return ofDeployment(o as Deployment);
  if (o.kind === 'DaemonSet') return ofDaemonSet(o as DaemonSet);
  if (o.kind === 'StatefulSet') return ofStatefulSet(o as StatefulSet);
  throw new CliError(`no status viewer has been implemented for ${o.kind}`);
}
