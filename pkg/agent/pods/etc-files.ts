import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Mount } from '../runtime/types.ts';

export interface DnsSettings {
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
}

const NODE_RESOLV_CONF = '/etc/resolv.conf';
const NODE_HOSTS = '/etc/hosts';
const MAX_SEARCH = 32;

interface Resolver {
  nameservers: string[];
  search: string[];
  options: string[];
}

function parseResolvConf(text: string): Resolver {
  const r: Resolver = { nameservers: [], search: [], options: [] };
  for (const line of text.split('\n')) {
    const [key, ...values] = line.trim().split(/\s+/);
    if (key === 'nameserver') r.nameservers.push(...values.slice(0, 1));
    else if (key === 'search' || key === 'domain') r.search = values;
    else if (key === 'options') r.options.push(...values);
  }
  return r;
}

/** Text of a pod's resolv.conf by its dnsPolicy and dnsConfig ("DNS for Services and Pods"). Pure. */
export function resolvConf(pod: Pod, node: string, dns: DnsSettings): string {
  const policy = pod.spec?.dnsPolicy ?? 'ClusterFirst';
  const ns = pod.metadata?.namespace ?? 'default';
  const d = dns.clusterDomain;
  const cluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && !pod.spec?.hostNetwork);
  const own = parseResolvConf(node);
  const r: Resolver =
    policy === 'None'
      ? { nameservers: [], search: [], options: [] }
      : cluster && dns.clusterDns.length > 0
        ? {
            nameservers: [...dns.clusterDns],
            search: [`${ns}.svc.${d}`, `svc.${d}`, d, ...own.search],
            options: ['ndots:5'],
          }
        : own;
  const more = pod.spec?.dnsConfig;
  const options = new Map(r.options.map((o) => [o.split(':')[0] ?? o, o]));
  for (const o of more?.options ?? [])
    options.set(o.name ?? '', o.value === undefined ? (o.name ?? '') : `${o.name}:${o.value}`);
  const servers = [...new Set([...r.nameservers, ...(more?.nameservers ?? [])])].slice(0, 3);
  const search = [...new Set([...r.search, ...(more?.searches ?? [])])].slice(0, MAX_SEARCH);
  return [
    ...servers.map((s) => `nameserver ${s}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.size > 0 ? [`options ${[...options.values()].join(' ')}`] : []),
    '',
  ].join('\n');
}

export const hostnameOf = (pod: Pod): string =>
  (pod.spec?.hostname || pod.metadata?.name || '').slice(0, 63).replace(/[-.]+$/, '');

const MAX_HOSTNAME = 64;

/** The full name of a pod in the cluster's domain; undefined without a subdomain. */
function fullNameOf(pod: Pod, clusterDomain: string): string | undefined {
  const { subdomain } = pod.spec ?? {};
  return subdomain && `${hostnameOf(pod)}.${subdomain}.${pod.metadata?.namespace}.svc.${clusterDomain}`;
}

/** The full name of a pod in the cluster's domain, or its host name when it has no subdomain. @throws Error when too long */
export function fqdnOf(pod: Pod, clusterDomain: string): string {
  const name = fullNameOf(pod, clusterDomain);
  if (!name) return hostnameOf(pod);
  if (name.length <= MAX_HOSTNAME) return name;
  throw new Error(
    `Failed to construct FQDN from pod hostname and cluster domain, FQDN ${name} is too long (${MAX_HOSTNAME} characters is the max, ${name.length} characters requested)`,
  );
}

const aliasLines = (pod: Pod): string[] => {
  const aliases = (pod.spec?.hostAliases ?? []).map((a) => `${a.ip}\t${(a.hostnames ?? []).join('\t')}`);
  return aliases.length > 0 ? ['', '# Entries added by HostAliases.', ...aliases] : [];
};

/** Text of /etc/hosts of a pod in the node's network. Pure. */
export const nodeHostsFile = (pod: Pod, node: string): string =>
  ['# Kubernetes-managed hosts file (host network).', node.trimEnd(), ...aliasLines(pod), ''].join('\n');

/** Text of a pod's /etc/hosts. Pure. */
export function hostsFile(pod: Pod, ips: readonly string[], clusterDomain: string): string {
  const full = fullNameOf(pod, clusterDomain);
  const names = [...(full ? [full] : []), hostnameOf(pod)].join('\t');
  return [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...ips.map((ip) => `${ip}\t${names}`),
    ...aliasLines(pod),
    '',
  ].join('\n');
}

/** Writes both files for a pod and says where they are mounted. */
export async function writeEtcFiles(
  dir: string,
  pod: Stored<Pod>,
  ips: readonly string[],
  dns: DnsSettings,
): Promise<Mount[]> {
  const etc = join(dir, 'etc');
  await mkdir(etc, { recursive: true });
  const node = await readFile(NODE_RESOLV_CONF, 'utf8').catch(() => '');
  await writeFile(join(etc, 'resolv.conf'), resolvConf(pod, node, dns));
  const mounts: Mount[] = [{ source: join(etc, 'resolv.conf'), target: '/etc/resolv.conf', readOnly: false }];
  const hosts = pod.spec?.hostNetwork
    ? nodeHostsFile(pod, await readFile(NODE_HOSTS, 'utf8').catch(() => ''))
    : hostsFile(pod, ips, dns.clusterDomain);
  await writeFile(join(etc, 'hosts'), hosts);
  mounts.push({ source: join(etc, 'hosts'), target: '/etc/hosts', readOnly: false });
  return mounts;
}
