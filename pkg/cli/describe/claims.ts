import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { CliContext } from '../context.ts';
import { annotations, capital, flatMap, since, timeText } from './values.ts';
import { volumeSource } from './volumes.ts';
import type { DescriptionWriter } from './writer.ts';

const MODES: ReadonlyMap<string, string> = new Map([
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
]);

/** "RWO,ROX", each once, in the order of the list above. */
function modesText(modes: readonly string[] | undefined): string {
  return [...MODES].flatMap(([long, short]) => ((modes ?? []).includes(long) ? [short] : [])).join(',');
}

const phaseText = (o: KubeObject, phase: string | undefined): string => {
  const going = o.metadata?.deletionTimestamp;
  return going ? `Terminating (lasts ${since(going, Date.now())})` : (phase ?? '');
};

const finalizers = (o: KubeObject): string => `[${(o.metadata?.finalizers ?? []).join(' ')}]`;

async function usersOf(ctx: CliContext, c: PersistentVolumeClaim): Promise<string[]> {
  const { items } = await ctx.rest.json<{ items: Pod[] }>({ path: `/api/v1/namespaces/${c.metadata?.namespace}/pods` });
  const uses = (p: Pod): boolean =>
    (p.spec?.volumes ?? []).some(
      (v) =>
        v.persistentVolumeClaim?.claimName === c.metadata?.name ||
        (v.ephemeral !== undefined && `${p.metadata?.name}-${v.name}` === c.metadata?.name),
    );
  return items.filter(uses).map((p) => p.metadata?.name ?? '');
}

export async function describeClaim(w: DescriptionWriter, c: PersistentVolumeClaim, ctx: CliContext): Promise<void> {
  const { metadata, spec, status } = c;
  const bound = Boolean(spec?.volumeName);
  w.line(0, 'Name:', metadata?.name ?? '');
  w.line(0, 'Namespace:', metadata?.namespace ?? '');
  w.line(0, 'StorageClass:', spec?.storageClassName ?? '');
  w.line(0, 'Status:', phaseText(c, status?.phase));
  w.line(0, 'Volume:', spec?.volumeName ?? '');
  w.map(0, 'Labels:', metadata?.labels);
  annotations(w, 0, metadata?.annotations);
  w.line(0, 'Finalizers:', finalizers(c));
  const capacity = (status?.capacity as Record<string, string> | undefined)?.storage ?? '0';
  w.line(0, 'Capacity:', bound ? String(capacity) : '');
  w.line(0, 'Access Modes:', bound ? modesText(status?.accessModes) : '');
  if (spec?.volumeMode) w.line(0, 'VolumeMode:', spec.volumeMode);
  const source = spec?.dataSource;
  if (source) {
    w.line(0, 'DataSource:');
    if (source.apiGroup) w.line(1, 'APIGroup:', source.apiGroup);
    w.line(1, 'Kind:', source.kind);
    w.line(1, 'Name:', source.name);
  }
  w.list(0, 'Used By:', await usersOf(ctx, c));
  if ((status?.conditions ?? []).length === 0) return;
  w.line(0, 'Conditions:');
  w.line(1, 'Type', 'Status', 'LastProbeTime', 'LastTransitionTime', 'Reason', 'Message');
  w.line(1, '----', '------', '-----------------', '------------------', '------', '-------');
  for (const x of status?.conditions ?? []) {
    const { type, status: is, lastProbeTime, lastTransitionTime, reason = '', message = '' } = x;
    w.line(
      1,
      `${type} `,
      `${is} `,
      `${timeText(lastProbeTime)} `,
      `${timeText(lastTransitionTime)} `,
      `${reason} `,
      `${message} `,
    );
  }
}

function affinity(w: DescriptionWriter, pv: PersistentVolume): void {
  const terms = pv.spec?.nodeAffinity?.required?.nodeSelectorTerms;
  if (!terms) {
    w.line(0, 'Node Affinity:', '<none>');
    return;
  }
  w.line(0, 'Node Affinity:', '');
  w.line(1, 'Required Terms:', terms.length === 0 ? '<none>' : '');
  for (const [i, term] of terms.entries()) {
    const texts = (term.matchExpressions ?? []).map((e) => {
      const values = (e.values ?? []).length > 0 ? ` [${(e.values ?? []).join(', ')}]` : '';
      return `${e.key} ${e.operator.toLowerCase()}${values}`;
    });
    w.list(2, `Term ${i}:`, texts);
  }
}

export function describePersistentVolume(w: DescriptionWriter, pv: PersistentVolume): void {
  const { metadata, spec, status } = pv;
  w.line(0, 'Name:', metadata?.name ?? '');
  w.map(0, 'Labels:', metadata?.labels);
  annotations(w, 0, metadata?.annotations);
  w.line(0, 'Finalizers:', finalizers(pv));
  w.line(0, 'StorageClass:', spec?.storageClassName ?? '');
  w.line(0, 'Status:', phaseText(pv, status?.phase));
  w.line(0, 'Claim:', spec?.claimRef ? `${spec.claimRef.namespace}/${spec.claimRef.name}` : '');
  w.line(0, 'Reclaim Policy:', spec?.persistentVolumeReclaimPolicy ?? '');
  w.line(0, 'Access Modes:', modesText(spec?.accessModes));
  if (spec?.volumeMode) w.line(0, 'VolumeMode:', spec.volumeMode);
  w.line(0, 'Capacity:', String((spec?.capacity as Record<string, string> | undefined)?.storage ?? '0'));
  affinity(w, pv);
  w.line(0, 'Message:', status?.message ?? '');
  w.line(0, 'Source:');
  volumeSource(w, spec ?? {});
}

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';

export function describeStorageClass(w: DescriptionWriter, s: StorageClass): void {
  w.line(0, 'Name:', s.metadata?.name ?? '');
  w.line(0, 'IsDefaultClass:', s.metadata?.annotations?.[DEFAULT_CLASS] === 'true' ? 'Yes' : 'No');
  w.line(0, 'Annotations:', flatMap(s.metadata?.annotations));
  w.line(0, 'Provisioner:', s.provisioner);
  w.line(0, 'Parameters:', flatMap(s.parameters));
  w.line(
    0,
    'AllowVolumeExpansion:',
    s.allowVolumeExpansion === undefined ? '<unset>' : capital(s.allowVolumeExpansion),
  );
  const options = s.mountOptions ?? [];
  if (options.length === 0) w.line(0, 'MountOptions:', '<none>');
  else {
    w.line(0, 'MountOptions:');
    for (const o of options) w.line(1, o);
  }
  if (s.reclaimPolicy) w.line(0, 'ReclaimPolicy:', s.reclaimPolicy);
  if (s.volumeBindingMode) w.line(0, 'VolumeBindingMode:', s.volumeBindingMode);
  if (!s.allowedTopologies) return;
  w.line(0, 'AllowedTopologies:', s.allowedTopologies.length === 0 ? '<none>' : '');
  for (const [i, term] of s.allowedTopologies.entries()) {
    const texts = (term.matchLabelExpressions ?? []).map((e) => `${e.key} in [${e.values.join(', ')}]`);
    w.list(1, `Term ${i}:`, texts);
  }
}
