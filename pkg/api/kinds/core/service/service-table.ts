import type { Column } from '../../../kind.ts';
import { ageColumn, column, labelsText, NONE, nameColumn, wide } from '../../print/columns.ts';
import type { Service } from './service.ts';

function externalAddresses(o: Service): string {
  const { type, externalIPs = [], externalName } = o.spec ?? {};
  if (type === 'ExternalName') return externalName ?? '';
  const list = [...externalIPs];
  if (type === 'LoadBalancer') {
    const entries = (o.status?.loadBalancer?.ingress ?? []).map((i) => i.ip || i.hostname || '').filter(Boolean);
    list.unshift(...new Set(entries));
    return list.join(',') || '<pending>';
  }
  return list.join(',') || NONE;
}

const portsText = (o: Service): string =>
  (o.spec?.ports ?? [])
    .map((p) => (p.nodePort ? `${p.port}:${p.nodePort}/${p.protocol}` : `${p.port}/${p.protocol}`))
    .join(',') || NONE;

export const serviceColumns: readonly Column<Service>[] = [
  nameColumn,
  column('Type', 'How the service is reached.', (o) => o.spec?.type ?? ''),
  column('Cluster-IP', 'Address inside the cluster.', (o) => o.spec?.clusterIPs?.[0] || o.spec?.clusterIP || NONE),
  column('External-IP', 'Addresses outside the cluster.', externalAddresses),
  column('Port(s)', 'Ports, with their node ports.', portsText),
  ageColumn,
  wide(column('Selector', 'Which pods are behind it.', (o) => labelsText(o.spec?.selector))),
];
