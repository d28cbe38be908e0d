import { expect, test } from 'vitest';
import type { Pod } from '#api/kinds/index.ts';
import { hostnameOf, hostsFile, resolvConf } from './etc-files.ts';

const NODE = 'nameserver 1.1.1.1\nsearch corp.example\noptions timeout:2\n# end\n';
const dns = { clusterDns: ['10.96.0.10'], clusterDomain: 'cluster.local' };
const pod = (spec: object): Pod => ({ metadata: { name: 'web-0', namespace: 'ns' }, spec }) as unknown as Pod;

const CLUSTER =
  'nameserver 10.96.0.10\nsearch ns.svc.cluster.local svc.cluster.local cluster.local corp.example\noptions ndots:5\n';
const OWN = 'nameserver 1.1.1.1\nsearch corp.example\noptions timeout:2\n';

test.each<[string, object, string]>([
  ['default', {}, CLUSTER],
  ['ClusterFirst', { dnsPolicy: 'ClusterFirst' }, CLUSTER],
  ['ClusterFirst in the host network', { dnsPolicy: 'ClusterFirst', hostNetwork: true }, OWN],
  ['ClusterFirstWithHostNet', { dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }, CLUSTER],
  ['Default', { dnsPolicy: 'Default' }, OWN],
  [
    'None',
    { dnsPolicy: 'None', dnsConfig: { nameservers: ['9.9.9.9'], searches: ['a.b'], options: [{ name: 'edns0' }] } },
    'nameserver 9.9.9.9\nsearch a.b\noptions edns0\n',
  ],
  [
    'additions, repeats once, options replaced',
    {
      dnsConfig: {
        nameservers: ['10.96.0.10', '9.9.9.9'],
        searches: ['cluster.local', 'x.y'],
        options: [{ name: 'ndots', value: '2' }],
      },
    },
    'nameserver 10.96.0.10\nnameserver 9.9.9.9\nsearch ns.svc.cluster.local svc.cluster.local cluster.local corp.example x.y\noptions ndots:2\n',
  ],
  [
    'three servers at most',
    { dnsPolicy: 'None', dnsConfig: { nameservers: ['1.0.0.1', '1.0.0.2', '1.0.0.3', '1.0.0.4'] } },
    'nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\n',
  ],
])('resolv.conf: %s', (_, spec, text) => {
  expect(resolvConf(pod(spec), NODE, dns)).toBe(text);
});

test('a cluster without DNS uses the resolver of the node', () => {
  expect(resolvConf(pod({}), NODE, { ...dns, clusterDns: [] })).toBe(OWN);
});

const named = (name: string, hostname?: string): Pod => ({ metadata: { name }, spec: { hostname } }) as unknown as Pod;
test.each([
  [named('web-0'), 'web-0'],
  [named('web-0', 'db'), 'db'],
  [named(`${'a'.repeat(62)}-b`), 'a'.repeat(62)],
])('host name %#', (p, expected) => {
  expect(hostnameOf(p)).toBe(expected);
});

test.each<[string, object, string, string[]]>([
  ['name', {}, '10.244.0.9', ['10.244.0.9\tweb-0']],
  ['both families', {}, '10.244.0.9,fd00::9', ['10.244.0.9\tweb-0', 'fd00::9\tweb-0']],
  ['full name', { hostname: 'h', subdomain: 'db' }, '10.244.0.9', ['10.244.0.9\th.db.ns.svc.cluster.local\th']],
  [
    'aliases',
    { hostAliases: [{ ip: '1.2.3.4', hostnames: ['x', 'y'] }] },
    '10.244.0.9',
    ['10.244.0.9\tweb-0', '# Entries added by HostAliases.', '1.2.3.4\tx\ty'],
  ],
])('hosts: %s', (_, spec, ip, lines) => {
  const all = hostsFile(pod(spec), ip.split(','), 'cluster.local').split('\n');
  // As "Adding entries to Pod /etc/hosts with HostAliases" shows it.
  expect(all.slice(0, 7)).toEqual([
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
  ]);
  expect(all.slice(7).filter(Boolean)).toEqual(lines);
});
