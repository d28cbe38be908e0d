import type { Pod, Toleration, TopologySpreadConstraint } from '#api/kinds/index.ts';
import { containers } from './containers.ts';
import { annotations, controller, selectorText, timeText } from './values.ts';
import { volumes } from './volumes.ts';
import type { DescriptionWriter } from './writer.ts';

/** "node.kubernetes.io/not-ready:NoExecute op=Exists for 300s" */
function tolerationText(t: Toleration): string {
  const key = `${t.key ?? ''}${t.value ? `=${t.value}` : ''}${t.effect ? `:${t.effect}` : ''}`;
  const operator = t.operator === 'Exists' ? (t.key || t.effect ? ' op=Exists' : 'op=Exists') : '';
  const seconds = t.tolerationSeconds === undefined ? '' : ` for ${t.tolerationSeconds}s`;
  return `${key}${operator}${seconds}`;
}

function statusText(pod: Pod): readonly [string, string] {
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata ?? {};
  if (!deletionTimestamp) return ['Status:', pod.status?.phase ?? ''];
  return [
    'Status:',
    `Terminating (lasts ${Math.max(0, Math.round((Date.now() - Date.parse(deletionTimestamp)) / 1000))}s)\nTermination Grace Period:\t${deletionGracePeriodSeconds ?? 0}s`,
  ];
}

function identity(w: DescriptionWriter, pod: Pod): void {
  const { metadata, spec, status } = pod;
  w.line(0, 'Name:', metadata?.name ?? '');
  w.line(0, 'Namespace:', metadata?.namespace ?? '');
  if (spec?.priority !== undefined) w.line(0, 'Priority:', spec.priority);
  if (spec?.priorityClassName) w.line(0, 'Priority Class Name:', spec.priorityClassName);
  if (spec?.runtimeClassName) w.line(0, 'Runtime Class Name:', spec.runtimeClassName);
  if (spec?.serviceAccountName) w.line(0, 'Service Account:', spec.serviceAccountName);
  w.line(0, 'Node:', spec?.nodeName ? `${spec.nodeName}/${status?.hostIP ?? ''}` : '<none>');
  if (status?.startTime) w.line(0, 'Start Time:', timeText(status.startTime));
  w.map(0, 'Labels:', metadata?.labels);
  annotations(w, 0, metadata?.annotations);
  w.line(0, ...statusText(pod));
  if (status?.reason) w.line(0, 'Reason:', status.reason);
  if (status?.message) w.line(0, 'Message:', status.message);
  w.line(0, 'IP:', status?.podIP ?? '');
  const ips = status?.podIPs ?? [];
  if (ips.length === 0) w.line(0, 'IPs:', '<none>');
  else {
    w.line(0, 'IPs:');
    for (const { ip } of ips) w.line(1, 'IP:', ip ?? '');
  }
  const owner = controller(pod);
  if (owner) w.line(0, 'Controlled By:', owner);
  if (status?.nominatedNodeName) w.line(0, 'NominatedNodeName:', status.nominatedNodeName);
}

export function describePod(w: DescriptionWriter, pod: Pod): void {
  const { spec, status } = pod;
  identity(w, pod);
  containers(w, 'Init Containers:', spec?.initContainers ?? [], status?.initContainerStatuses ?? []);
  containers(w, 'Containers:', spec?.containers ?? [], status?.containerStatuses ?? []);
  if ((status?.conditions ?? []).length > 0) {
    w.line(0, 'Conditions:');
    w.line(1, 'Type', 'Status');
    for (const c of status?.conditions ?? []) w.line(1, c.type, `${c.status} `);
  }
  volumes(w, spec?.volumes ?? []);
  if (status?.qosClass) w.line(0, 'QoS Class:', status.qosClass);
  w.map(0, 'Node-Selectors:', spec?.nodeSelector);
  tolerations(w, spec?.tolerations ?? []);
  spreading(w, spec?.topologySpreadConstraints ?? []);
}

/** How pods are spread over the cluster; nothing for pods that may be anywhere. */
export function spreading(w: DescriptionWriter, list: readonly TopologySpreadConstraint[], level = 0): void {
  const texts = list.map(
    (t) =>
      `${t.topologyKey}:${t.whenUnsatisfiable} when max skew ${t.maxSkew} is exceeded for selector ${selectorText(t.labelSelector)}`,
  );
  if (texts.length > 0) w.list(level, 'Topology Spread Constraints:', texts.sort());
}

export function tolerations(w: DescriptionWriter, list: readonly Toleration[], level = 0): void {
  w.list(level, 'Tolerations:', list.map(tolerationText).sort());
}
