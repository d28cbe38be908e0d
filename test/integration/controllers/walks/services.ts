import {
  EndpointSlices,
  type Endpoints,
  EndpointsResource,
  type Pod,
  Pods,
  type Service,
  Services,
} from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Client } from '#client/types.ts';
import { isReady, podTemplate } from '../world.ts';
import { differences, pick, type Scene, type Walk } from './walk.ts';

const SERVICES = ['s0', 's1', 's2'] as const;
const APPS = ['a', 'b'] as const;
const SERVICE_LABEL = 'kubernetes.io/service-name';

const present = async <T>(ask: Promise<T>): Promise<T | undefined> => {
  try {
    return await ask;
  } catch (e) {
    if (isNotFound(e)) return undefined;
    throw e;
  }
};

/** "address port ready" of all slices of a service. */
async function inSlices(client: Client, namespace: string, service: string): Promise<string[]> {
  const { items } = await client.list(EndpointSlices, { namespace, labelSelector: `${SERVICE_LABEL}=${service}` });
  return items
    .flatMap((s) =>
      (s.endpoints ?? []).map((e) => `${e.addresses[0]} ${s.ports?.[0]?.port} ${e.conditions?.ready ?? true}`),
    )
    .sort();
}

/** The same of the Endpoints. */
const inEndpoints = (endpoints: Endpoints | undefined): string[] =>
  (endpoints?.subsets ?? [])
    .flatMap((s) => [
      ...(s.addresses ?? []).map((a) => `${a.ip} ${s.ports?.[0]?.port} true`),
      ...(s.notReadyAddresses ?? []).map((a) => `${a.ip} ${s.ports?.[0]?.port} false`),
    ])
    .sort();

function wanted(service: Stored<Service>, pods: readonly Stored<Pod>[]): string[] {
  const { selector, publishNotReadyAddresses = false, ports } = service.spec ?? {};
  const target = ports?.[0]?.targetPort;
  const port = target === 'http' ? 8080 : target;
  return pods
    .filter((p) => p.metadata.labels?.app === selector?.app && p.status?.podIP)
    .map((p) => `${p.status?.podIP} ${port} ${publishNotReadyAddresses || isReady(p)}`)
    .sort();
}

/** Pods come, go, change sides and readiness; services come, go, and look elsewhere. */
export const services: Walk = {
  name: 'Services, Endpoints and EndpointSlices',
  deeds: 60,
  async start({ client, nodes, random, space, fare }: Scene) {
    const namespace = await space();
    const down = new Set<string>();
    const addresses = new Map<string, string>();
    let serial = 0;
    await fare(namespace, { ready: (p) => !down.has(p.metadata.name) });
    const labels = () => ({ app: pick(random, APPS) ?? 'a' });
    const pods = async () => (await client.list(Pods, { namespace })).items;
    const spec = () => ({
      selector: labels(),
      publishNotReadyAddresses: random(3) === 0,
      ports: [{ name: 'web', port: 80, targetPort: random(2) ? 'http' : 9000 + random(3) }],
    });
    async function onService(name: string): Promise<unknown> {
      if (!(await present(client.get(Services, name, namespace))))
        return client.create(Services, {
          metadata: { namespace, name },
          spec: { ...spec(), ...(random(2) ? { clusterIP: 'None' } : {}) },
        } as Service);
      if (random(3) === 0) return client.delete(Services, name, namespace);
      return client.patch(Services, { name, namespace }, { type: 'strategic', body: { spec: spec() } });
    }
    return {
      async act() {
        const choice = random(10);
        if (choice < 3) return onService(pick(random, SERVICES) ?? '');
        const all = await pods();
        if (choice < 6 && all.length < 12) {
          const metadata = { namespace, name: `p${serial++}`, labels: labels() };
          return client.create(Pods, { metadata, spec: podTemplate({}).spec } as Pod);
        }
        const name = pick(random, all)?.metadata.name;
        if (!name) return undefined;
        if (choice < 7) return client.delete(Pods, name, namespace);
        if (choice < 8) {
          const body = { metadata: { labels: labels() } };
          return client.patch(Pods, { name, namespace }, { type: 'merge', body });
        }
        if (!down.delete(name)) down.add(name);
        return nodes.poke();
      },
      async look() {
        const [slices, all] = [(await client.list(EndpointSlices, { namespace })).items, await pods()];
        for (const p of all) if (p.status?.podIP) addresses.set(p.metadata.uid, p.status.podIP);
        return slices.flatMap((s) => {
          const found = (s.endpoints ?? []).map((e) => e.addresses[0] ?? '');
          const twice = new Set(found).size < found.length ? [`an address twice in ${s.metadata.name}`] : [];
          const wrong = (s.endpoints ?? []).flatMap((e) => {
            const known = addresses.get(e.targetRef?.uid ?? '');
            return known && known !== e.addresses[0] ? [`${e.addresses[0]} is not of ${e.targetRef?.name}`] : [];
          });
          return [...twice, ...wrong];
        });
      },
      async rest() {
        down.clear();
        await nodes.poke();
      },
      async missing() {
        const all = await pods();
        if (all.some((p) => p.metadata.deletionTimestamp || !isReady(p)))
          return ['pods that are neither gone nor ready'];
        const found: string[] = [];
        for (const name of SERVICES) {
          const service = await present(client.get(Services, name, namespace));
          const should = service ? wanted(service, all) : [];
          found.push(...differences(`slices of ${name}`, await inSlices(client, namespace, name), should));
          const endpoints = await present(client.get(EndpointsResource, name, namespace));
          if (!service !== !endpoints) found.push(`Endpoints of ${name}: ${service ? 'none' : 'left over'}`);
          found.push(...differences(`Endpoints of ${name}`, inEndpoints(endpoints), should));
        }
        return found;
      },
    };
  },
};

/** Endpoints that are kept by hand, for services without a selector. */
export const mirroring: Walk = {
  name: 'EndpointSlice mirroring',
  deeds: 50,
  async start({ client, random, space }: Scene) {
    const namespace = await space();
    const name = 'm';
    const subset = (block: number) => ({
      addresses: Array.from({ length: random(4) }, (_, i) => ({ ip: `10.9.${block}.${1 + i}` })),
      notReadyAddresses: Array.from({ length: random(2) }, (_, i) => ({ ip: `10.9.${block}.${101 + i}` })),
      ports: [{ name: `p${block}`, port: 80 + block, protocol: 'TCP' as const }],
    });
    const skip = 'endpointslice.kubernetes.io/skip-mirror';
    const service = () => present(client.get(Services, name, namespace));
    const endpoints = () => present(client.get(EndpointsResource, name, namespace));
    return {
      async act() {
        const choice = random(10);
        if (choice < 2) {
          if (await service()) return client.delete(Services, name, namespace);
          const ports = [{ name: 'p0', port: 80 }];
          return client.create(Services, { metadata: { namespace, name }, spec: { ports } } as Service);
        }
        const there = await endpoints();
        if (choice < 4 && there) return client.delete(EndpointsResource, name, namespace);
        const metadata = { namespace, name, labels: { [skip]: random(5) === 0 ? 'true' : 'false' } };
        const subsets = [subset(0), subset(1)].filter((s) => s.addresses.length + s.notReadyAddresses.length > 0);
        const next = { metadata, subsets } as Endpoints;
        if (!there) return client.create(EndpointsResource, next);
        return client.update(EndpointsResource, {
          ...there,
          subsets,
          metadata: { ...there.metadata, ...metadata },
        } as never);
      },
      async missing() {
        const [s, e] = [await service(), await endpoints()];
        const should = s && e && e.metadata.labels?.[skip] !== 'true' ? inEndpoints(e) : [];
        return differences('slices', await inSlices(client, namespace, name), should);
      },
    };
  },
};
