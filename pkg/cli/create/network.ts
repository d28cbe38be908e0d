import type { KubeObject } from '#api/meta/objectmeta.ts';
import { CliError } from '../errors.ts';
import {
  type Generator,
  type GeneratorFlag,
  type GeneratorInput,
  list,
  pair,
  required,
  text,
  whole,
  wholes,
} from './generator.ts';

/** `port[:targetPort]` of --tcp. */
function portOf(spec: string, nodePort: number | undefined): Record<string, unknown> {
  const [first = '', second] = spec.split(':');
  const port = whole(first, 'tcp');
  const targetPort = second === undefined ? port : /^\d+$/.test(second) ? Number(second) : second;
  const name = second === undefined ? first : `${first}-${second}`;
  return { name, port, protocol: 'TCP', targetPort, ...(nodePort ? { nodePort } : {}) };
}

function serviceOf(i: GeneratorInput, type: string): KubeObject {
  const tcp = list(i, 'tcp');
  const headless = text(i, 'clusterip') === 'None';
  if (tcp.length === 0 && type !== 'ExternalName' && !headless)
    throw new CliError('at least one tcp port specifier must be provided');
  const nodePort = text(i, 'nodePort');
  const ports = tcp.map((t) => portOf(t, nodePort ? whole(nodePort, 'node-port') : undefined));
  const labels = { app: i.name };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: i.name, labels },
    spec: {
      ...(text(i, 'clusterip') ? { clusterIP: text(i, 'clusterip') } : {}),
      ...(type === 'ExternalName' ? { externalName: required(i, 'externalName', 'external-name') } : {}),
      ...(ports.length > 0 ? { ports } : {}),
      selector: labels,
      type,
    },
  } as KubeObject;
}

const backendOf = (target: string) => {
  const [name = '', port = ''] = target.split(':');
  if (!name || !port) throw new CliError(`"${target}" must be SERVICE:PORT`);
  return { service: { name, port: /^\d+$/.test(port) ? { number: Number(port) } : { name: port } } };
};

interface IngressRule {
  host?: string;
  http: { paths: unknown[] };
}

/** `host/path=service:port[,tls[=secret]]` */
function addRule(rule: string, rules: IngressRule[], tls: Map<string, string[]>): void {
  const m = /^([^/=]*)(\/[^=]*)=([^,=]+)(?:,(tls)(?:=(.*))?)?$/.exec(rule);
  if (!m)
    throw new CliError(`rule ${rule} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]`);
  const [, host = '', path = '', target = '', secure, secret = ''] = m;
  const prefix = path.endsWith('*');
  const entry = {
    path: prefix ? path.slice(0, -1) : path,
    pathType: prefix ? 'Prefix' : 'Exact',
    backend: backendOf(target),
  };
  const known = rules.find((r) => (r.host ?? '') === host);
  if (known) known.http.paths.push(entry);
  else rules.push({ ...(host ? { host } : {}), http: { paths: [entry] } });
  if (secure) tls.set(secret, [...new Set([...(tls.get(secret) ?? []), ...(host ? [host] : [])])]);
}

function ingressOf(i: GeneratorInput): KubeObject {
  const rules: IngressRule[] = [];
  const tls = new Map<string, string[]>();
  const fallback = text(i, 'defaultBackend');
  for (const r of wholes(i, 'rule')) addRule(r, rules, tls);
  if (rules.length === 0 && !fallback)
    throw new CliError(
      'not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)',
    );
  const annotations = Object.fromEntries(wholes(i, 'annotation').map((a) => pair(a, 'annotation')));
  const secure = [...tls].map(([secretName, hosts]) => ({
    ...(hosts.length > 0 ? { hosts } : {}),
    ...(secretName ? { secretName } : {}),
  }));
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: i.name, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    spec: {
      ...(text(i, 'class') ? { ingressClassName: text(i, 'class') } : {}),
      ...(fallback ? { defaultBackend: backendOf(fallback) } : {}),
      ...(rules.length > 0 ? { rules } : {}),
      ...(secure.length > 0 ? { tls: secure } : {}),
    },
  } as KubeObject;
}

const TCP: GeneratorFlag = ['--tcp <port[:target]>', 'port of the Service and of its pods; repeatable', 'list'];
const service = (name: string, type: string, flags: readonly GeneratorFlag[]): Generator => ({
  path: 'service',
  name,
  description: `Make a Service of type ${type}`,
  flags,
  make: (i) => serviceOf(i, type),
});

/** Generators of how pods are reached. */
export const network: readonly Generator[] = [
  service('clusterip', 'ClusterIP', [TCP, ['--clusterip <ip>', 'its address; "None" for a headless Service']]),
  service('nodeport', 'NodePort', [TCP, ['--node-port <port>', 'port on every node']]),
  service('loadbalancer', 'LoadBalancer', [TCP]),
  service('externalname', 'ExternalName', [TCP, ['--external-name <name>', 'DNS name it stands for']]),
  {
    name: 'ingress',
    aliases: ['ing'],
    description: 'Make an Ingress: cox create ingress web --rule="example.com/*=web:80"',
    flags: [
      ['--rule <rule>', 'host/path=service:port[,tls[=secret]]; repeatable', 'list'],
      ['--class <name>', 'class of the controller'],
      ['--default-backend <service:port>', 'where the rest goes'],
      ['--annotation <key=value>', 'annotation of it; repeatable', 'list'],
    ],
    make: ingressOf,
  },
];
