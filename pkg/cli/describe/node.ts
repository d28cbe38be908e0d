import type { Node, Pod } from '#api/kinds/index.ts';
import { addQuantities, compareQuantities, milliValue } from '#api/meta/quantity.ts';
import type { CliContext } from '../context.ts';
import { annotations, since, timeText } from './values.ts';
import type { DescriptionWriter } from './writer.ts';

const ROLE = 'node-role.kubernetes.io/';

function roles(node: Node): string {
  const found = Object.keys(node.metadata?.labels ?? {})
    .filter((k) => k.startsWith(ROLE) && k.length > ROLE.length)
    .map((k) => k.slice(ROLE.length))
    .sort();
  return found.join(',') || '<none>';
}

export async function describeNode(w: DescriptionWriter, node: Node, ctx: CliContext): Promise<void> {
  const { metadata, spec, status } = node;
  w.line(0, 'Name:', metadata?.name ?? '');
  w.line(0, 'Roles:', roles(node));
  w.map(0, 'Labels:', metadata?.labels);
  annotations(w, 0, metadata?.annotations);
  w.line(0, 'CreationTimestamp:', timeText(metadata?.creationTimestamp));
  w.list(
    0,
    'Taints:',
    (spec?.taints ?? []).map((t) => `${t.key}${t.value ? `=${t.value}` : ''}:${t.effect}`),
  );
  w.line(0, 'Unschedulable:', String(spec?.unschedulable ?? false));
  await lease(w, node, ctx);
  conditions(w, node);
  w.line(0, 'Addresses:');
  for (const a of status?.addresses ?? []) w.line(1, `${a.type}:`, a.address);
  for (const [title, map] of [
    ['Capacity:', status?.capacity],
    ['Allocatable:', status?.allocatable],
  ] as const) {
    w.line(0, title);
    for (const [k, v] of Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))) w.line(1, `${k}:`, String(v));
  }
  systemInfo(w, node);
  if (spec?.podCIDR) w.line(0, 'PodCIDR:', spec.podCIDR);
  if ((spec?.podCIDRs ?? []).length > 0) w.line(0, 'PodCIDRs:', (spec?.podCIDRs ?? []).join(','));
  if (spec?.providerID) w.line(0, 'ProviderID:', spec.providerID);
  await pods(w, node, ctx);
}

async function lease(w: DescriptionWriter, node: Node, ctx: CliContext): Promise<void> {
  interface LeaseLike {
    spec?: { holderIdentity?: string; acquireTime?: string; renewTime?: string };
  }
  const path = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${node.metadata?.name}`;
  const found = await ctx.rest.json<LeaseLike>({ path }).catch(() => undefined);
  w.line(0, 'Lease:');
  w.line(1, 'HolderIdentity:', found?.spec?.holderIdentity ?? '<unset>');
  w.line(1, 'AcquireTime:', timeText(found?.spec?.acquireTime) || '<unset>');
  w.line(1, 'RenewTime:', timeText(found?.spec?.renewTime) || '<unset>');
}

function conditions(w: DescriptionWriter, node: Node): void {
  const list = node.status?.conditions ?? [];
  if (list.length === 0) return;
  w.line(0, 'Conditions:');
  w.line(1, 'Type', 'Status', 'LastHeartbeatTime', 'LastTransitionTime', 'Reason', 'Message');
  w.line(1, '----', '------', '-----------------', '------------------', '------', '-------');
  for (const c of list) {
    w.line(
      1,
      c.type,
      c.status,
      timeText(c.lastHeartbeatTime),
      timeText(c.lastTransitionTime),
      c.reason ?? '',
      c.message ?? '',
    );
  }
}

function systemInfo(w: DescriptionWriter, node: Node): void {
  const info = node.status?.nodeInfo;
  w.line(0, 'System Info:');
  for (const [title, value] of [
    ['Machine ID:', info?.machineID],
    ['System UUID:', info?.systemUUID],
    ['Boot ID:', info?.bootID],
    ['Kernel Version:', info?.kernelVersion],
    ['OS Image:', info?.osImage],
    ['Operating System:', info?.operatingSystem],
    ['Architecture:', info?.architecture],
    ['Container Runtime Version:', info?.containerRuntimeVersion],
    ['Kubelet Version:', info?.kubeletVersion],
    ['Kube-Proxy Version:', info?.kubeProxyVersion],
  ] as const) {
    w.line(1, title, value ?? '');
  }
}

type Resources = 'requests' | 'limits';

/** What a pod asks for: the sum of its containers, or its largest init container if that is more. */
function sumOf(pod: Pod, which: Resources, name: string): string {
  const of = (c: { resources?: { requests?: object; limits?: object } }): string =>
    String((c.resources?.[which] as Record<string, string> | undefined)?.[name] ?? '0');
  const main = (pod.spec?.containers ?? []).reduce((n, c) => addQuantities(n, of(c)), '0');
  return (pod.spec?.initContainers ?? []).map(of).reduce((n, c) => (compareQuantities(c, n) > 0 ? c : n), main);
}

async function pods(w: DescriptionWriter, node: Node, ctx: CliContext): Promise<void> {
  const name = node.metadata?.name ?? '';
  const fieldSelector = `spec.nodeName=${name},status.phase!=Failed,status.phase!=Succeeded`;
  const { items } = await ctx.rest.json<{ items: Pod[] }>({ path: '/api/v1/pods', query: { fieldSelector } });
  const share = (n: string, resource: string): string => {
    const all = milliValue(String((node.status?.allocatable as Record<string, string> | undefined)?.[resource] ?? '0'));
    return `${n} (${all > 0 ? Math.trunc((milliValue(n) / all) * 100) : 0}%)`;
  };
  w.line(0, 'Non-terminated Pods:', `(${items.length} in total)`);
  w.line(1, 'Namespace', 'Name', '', 'CPU Requests', 'CPU Limits', 'Memory Requests', 'Memory Limits', 'Age');
  w.line(1, '---------', '----', '', '------------', '----------', '---------------', '-------------', '---');
  const sums = new Map<string, string>();
  for (const p of items) {
    const cells = (['cpu', 'memory'] as const).flatMap((r) =>
      (['requests', 'limits'] as const).map((which) => {
        const n = sumOf(p, which, r);
        sums.set(`${r} ${which}`, addQuantities(sums.get(`${r} ${which}`) ?? '0', n));
        return share(n, r);
      }),
    );
    w.line(
      1,
      p.metadata?.namespace ?? '',
      p.metadata?.name ?? '',
      '',
      ...cells,
      since(p.metadata?.creationTimestamp, Date.now()),
    );
  }
  w.line(0, 'Allocated resources:');
  w.line(1, '(Total limits may be over 100 percent, i.e., overcommitted.)');
  w.line(1, 'Resource', 'Requests', 'Limits');
  w.line(1, '--------', '--------', '------');
  for (const r of ['cpu', 'memory'] as const) {
    w.line(1, r, share(sums.get(`${r} requests`) ?? '0', r), share(sums.get(`${r} limits`) ?? '0', r));
  }
  const total = (which: Resources, resource: string): string =>
    items.reduce((n, p) => addQuantities(n, sumOf(p, which, resource)), '0');
  const others = Object.keys(node.status?.allocatable ?? {}).filter((r) => !['cpu', 'memory', 'pods'].includes(r));
  for (const r of others.sort()) {
    // Devices are counted; a share of them says nothing.
    const text = (n: string): string => (/^(ephemeral-storage|hugepages-.*)$/.test(r) ? share(n, r) : n);
    w.line(1, r, text(total('requests', r)), text(total('limits', r)));
  }
}
