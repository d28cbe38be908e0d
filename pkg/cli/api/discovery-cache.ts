import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Kubeconfig } from '#client/kubeconfig.ts';
import { type ApiResource, Discovery } from './discovery.ts';
import type { Rest } from './rest.ts';

interface Aggregated {
  items: {
    metadata: { name?: string };
    versions: {
      version: string;
      resources: {
        resource: string;
        singularResource?: string;
        responseKind: { kind: string };
        scope: string;
        shortNames?: string[];
        categories?: string[];
        verbs: string[];
      }[];
    }[];
  }[];
}

const ACCEPT = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** As long as kubectl's; a kind that is not in it is looked for anew before. */
const MAX_AGE_MS = 6 * 3600 * 1000;

/** Reads what the server serves, in two requests. */
async function fetchResources(rest: Rest): Promise<ApiResource[]> {
  const answers = await Promise.all(['/api', '/apis'].map((path) => rest.json<Aggregated>({ path, accept: ACCEPT })));
  return answers
    .flatMap((a) => a.items ?? [])
    .flatMap((item) =>
      item.versions.flatMap((v) =>
        v.resources.map((r) => ({
          group: item.metadata.name ?? '',
          version: v.version,
          plural: r.resource,
          singular: r.singularResource ?? '',
          kind: r.responseKind.kind,
          namespaced: r.scope === 'Namespaced',
          shortNames: r.shortNames ?? [],
          categories: r.categories ?? [],
          verbs: r.verbs,
        })),
      ),
    );
}

/** One file per cluster: address and CA tell clusters apart. */
function fileOf(config: Kubeconfig, folder: string): string {
  const key = createHash('sha256')
    .update(config.server)
    .update(config.ca ?? '')
    .digest('hex')
    .slice(0, 16);
  return join(folder, 'cox', `${key}.json`);
}

function cached(file: string): ApiResource[] | undefined {
  try {
    if (Date.now() - statSync(file).mtimeMs > MAX_AGE_MS) return undefined;
    return JSON.parse(readFileSync(file, 'utf8')) as ApiResource[];
  } catch {
    return undefined;
  }
}

/** Kept for the next command; one that cannot be kept (a read-only home) costs only time. */
function keep(file: string, resources: readonly ApiResource[]): void {
  const temporary = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, JSON.stringify(resources), { mode: 0o600 });
    renameSync(temporary, file);
  } catch {
    // See above.
  }
}

/** What the server serves, from the last time it was asked if that is not long ago. */
export async function loadDiscovery(
  rest: Rest,
  config: Kubeconfig,
  folder = join(homedir(), '.kube/cache'),
): Promise<Discovery> {
  const file = fileOf(config, folder);
  const reread = async (): Promise<ApiResource[]> => {
    const resources = await fetchResources(rest);
    keep(file, resources);
    return resources;
  };
  const known = cached(file);
  return known ? new Discovery(known, reread) : new Discovery(await reread());
}
