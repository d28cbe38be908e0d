import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '#api/kinds/index.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { CliContext } from '../context.ts';
import { makeFolder } from '../folders.ts';
import { printObject } from '../output/print.ts';

interface Service extends KubeObject {
  spec?: { ports?: { name?: string }[] };
}

/** `cox cluster-info`: where the control plane and its services are reached. */
export async function clusterInfo(ctx: CliContext, namespace = 'kube-system'): Promise<void> {
  const server = ctx.config.server.replace(/\/$/, '');
  const query = { labelSelector: 'kubernetes.io/cluster-service=true' };
  const path = `/api/v1/namespaces/${namespace}/services`;
  const { items } = await ctx.rest.json<{ items: Service[] }>({ path, query });
  ctx.out(`Kubernetes control plane is running at ${server}\n`);
  for (const s of items) {
    const { name = '', labels = {} } = s.metadata ?? {};
    const port = s.spec?.ports?.[0]?.name;
    ctx.out(
      `${labels['kubernetes.io/name'] ?? name} is running at ${server}${path}/${name}${port ? `:${port}` : ''}/proxy\n`,
    );
  }
  ctx.out("\nTo further debug and diagnose cluster problems, use 'cox cluster-info dump'.\n");
}

export interface DumpFlags {
  readonly output?: string;
  readonly outputDirectory?: string;
  readonly namespaces?: readonly string[];
  readonly allNamespaces?: boolean;
}

/** What is dumped of a namespace: the name of its file and its path. */
const PARTS = [
  ['events', '/api/v1', 'events'],
  ['replication-controllers', '/api/v1', 'replicationcontrollers'],
  ['services', '/api/v1', 'services'],
  ['daemonsets', '/apis/apps/v1', 'daemonsets'],
  ['deployments', '/apis/apps/v1', 'deployments'],
  ['replicasets', '/apis/apps/v1', 'replicasets'],
  ['pods', '/api/v1', 'pods'],
] as const;

/** Bytes of a container's log that are dumped. */
const LOG_LIMIT = 10 << 20;

/** `cox cluster-info dump`: objects and logs, to read elsewhere. */
export async function dump(ctx: CliContext, o: DumpFlags): Promise<void> {
  const format = o.output ?? 'json';
  const folder = o.outputDirectory && o.outputDirectory !== '-' ? o.outputDirectory : undefined;
  const put = (path: string, text: string): void => {
    if (!folder) {
      ctx.out(text);
      return;
    }
    makeFolder(join(folder, path, '..'));
    writeFileSync(join(folder, path), text);
  };
  const object = async (file: string, path: string): Promise<KubeObject & { items?: Pod[] }> => {
    const list = await ctx.rest.json<KubeObject & { items?: Pod[] }>({ path });
    put(
      `${file}.${format}`,
      printObject(list, { ...o, output: format }, () => ''),
    );
    return list;
  };
  await object('nodes', '/api/v1/nodes');
  for (const ns of await namespacesOf(ctx, o)) {
    let pods: readonly Pod[] = [];
    for (const [file, group, plural] of PARTS)
      pods = (await object(`${ns}/${file}`, `${group}/namespaces/${ns}/${plural}`)).items ?? [];
    for (const p of pods) put(`${ns}/${p.metadata?.name}/logs.txt`, await logsOf(ctx, p));
  }
  if (folder) ctx.out(`Cluster info dumped to ${folder}\n`);
}

async function namespacesOf(ctx: CliContext, o: DumpFlags): Promise<string[]> {
  if (o.namespaces && !o.allNamespaces) return o.namespaces.flatMap((n) => n.split(','));
  if (!o.allNamespaces) return [...new Set(['kube-system', ctx.namespace])];
  const { items } = await ctx.rest.json<{ items: KubeObject[] }>({ path: '/api/v1/namespaces' });
  return items.map((i) => i.metadata?.name ?? '');
}

async function logsOf(ctx: CliContext, p: Pod): Promise<string> {
  const { name, namespace } = p.metadata ?? {};
  const parts: string[] = [];
  for (const c of [...(p.spec?.initContainers ?? []), ...(p.spec?.containers ?? [])]) {
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/log`;
    const query = { container: c.name, limitBytes: LOG_LIMIT };
    const text = await ctx.rest.text({ path, query, accept: '*/*' }).catch((e: Error) => `${e.message}\n`);
    const title = `container ${c.name} of pod ${namespace}/${name}`;
    parts.push(`==== START logs for ${title} ====\n${text}==== END logs for ${title} ====\n`);
  }
  return parts.join('');
}
