/** What an APIService says of a group and version's place in discovery. */
export interface Priority {
  readonly groupPriorityMinimum: number;
  readonly versionPriority: number;
}

/** Built-in groups in the order in which clients shall look through them, as kube-apiserver ranks them. */
const GROUPS: Readonly<Record<string, number>> = {
  '': 18_000,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  apps: 17_800,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'apiextensions.k8s.io': 16_700,
  'admissionregistration.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100,
  'apiregistration.k8s.io': 20_000,
  // What metrics-server gives itself.
  'metrics.k8s.io': 100,
};
const CUSTOM: Priority = { groupPriorityMinimum: 1000, versionPriority: 100 };

/** The place of a group and version that this server serves itself. */
export function localPriority(group: string, version: string): Priority {
  const groupPriorityMinimum = GROUPS[group];
  if (groupPriorityMinimum === undefined) return CUSTOM;
  if (group === '') return { groupPriorityMinimum, versionPriority: 1 };
  if (/alpha/.test(version)) return { groupPriorityMinimum, versionPriority: 1 };
  if (/beta/.test(version)) return { groupPriorityMinimum, versionPriority: 9 };
  return { groupPriorityMinimum, versionPriority: version === 'v1' ? 15 : 30 };
}
