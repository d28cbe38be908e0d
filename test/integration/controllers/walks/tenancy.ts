import {
  ClusterRoles,
  ConfigMaps,
  Deployments,
  Namespaces,
  type Pod,
  Pods,
  ResourceQuotas,
  Secrets,
  ServiceAccounts,
} from '#api/kinds/index.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { deployment, podTemplate } from '../world.ts';
import { attempt, differences, pick, type Scene, type Walk } from './walk.ts';

const HARD = { configmaps: '9', pods: '5', 'requests.cpu': '450m' };

/** Many create at once, through both servers: never more than the quota allows, and what goes away is given back. */
export const quotas: Walk = {
  name: 'ResourceQuotas',
  async start({ client, random, space, fare }: Scene) {
    const namespace = await space();
    await fare(namespace, {});
    await client.create(ResourceQuotas, { metadata: { namespace, name: 'q' }, spec: { hard: HARD } });
    let serial = 0;
    const maps = async () => (await client.list(ConfigMaps, { namespace })).items;
    const pods = async () => (await client.list(Pods, { namespace })).items;
    const one = (): Promise<unknown> => {
      const metadata = { namespace, name: `x${serial++}` };
      if (random(2)) return client.create(ConfigMaps, { metadata });
      const { spec } = podTemplate({});
      const resources = { requests: { cpu: '100m' } };
      return client.create(Pods, {
        metadata,
        spec: { ...spec, containers: spec.containers.map((c) => ({ ...c, resources })) },
      } as Pod);
    };
    const used = async () => {
      const [m, p] = [(await maps()).length, (await pods()).length];
      return { configmaps: `${m}`, pods: `${p}`, 'requests.cpu': p === 0 ? '0' : `${p * 100}m` };
    };
    return {
      async act() {
        if (random(5) < 3) return Promise.all(Array.from({ length: 1 + random(4) }, () => attempt(one)));
        const map = pick(
          random,
          (await maps()).filter((m) => m.metadata.name !== 'kube-root-ca.crt'),
        );
        if (random(2)) return map && client.delete(ConfigMaps, map.metadata.name, namespace);
        const pod = pick(random, await pods());
        return pod && client.delete(Pods, pod.metadata.name, namespace, { gracePeriodSeconds: random(2) });
      },
      async look() {
        const [m, p] = [(await maps()).length, (await pods()).length];
        return m > 9 || p > 4 ? [`${m} ConfigMaps, ${p} pods`] : [];
      },
      async missing() {
        const { status, spec } = await client.get(ResourceQuotas, 'q', namespace);
        return [...differences('hard', status?.hard, spec?.hard), ...differences('used', status?.used, await used())];
      },
    };
  },
};

const KEEPS = 'example.com/keeps';

/** Namespaces are made, filled and deleted: what is deleted goes wholly, what is not loses nothing. */
export const namespaces: Walk = {
  name: 'namespaces',
  async start({ client, random, space, fare }: Scene) {
    const prefix = await space();
    const live = new Map<string, Set<string>>();
    const dead = new Set<string>();
    let serial = 0;
    const mapsOf = async (namespace: string) => (await client.list(ConfigMaps, { namespace })).items;
    async function fill(namespace: string): Promise<void> {
      const name = `m${serial++}`;
      const metadata = { namespace, name, ...(random(4) === 0 ? { finalizers: [KEEPS] } : {}) };
      await client.create(ConfigMaps, { metadata });
      live.get(namespace)?.add(name);
      if (random(3) === 0) await client.create(Deployments, deployment(namespace, `d${serial++}`, { replicas: 1 }));
    }
    const letGo = async (namespace: string): Promise<void> => {
      for (const m of await mapsOf(namespace))
        if (m.metadata.finalizers?.includes(KEEPS) && m.metadata.deletionTimestamp)
          await client.patch(
            ConfigMaps,
            { name: m.metadata.name, namespace },
            { type: 'merge', body: { metadata: { finalizers: null } } },
          );
    };
    return {
      async act() {
        const choice = random(10);
        if (choice < 2 || live.size < 2) {
          const name = `${prefix}-${serial++}`;
          await client.create(Namespaces, { metadata: { name } });
          await fare(name, {});
          live.set(name, new Set());
          return undefined;
        }
        const name = pick(random, [...live.keys()]) ?? '';
        if (choice < 7) return fill(name);
        if (choice < 8) return letGo(pick(random, [...dead]) ?? name);
        live.delete(name);
        dead.add(name);
        return client.delete(Namespaces, name);
      },
      async look() {
        const broken: string[] = [];
        for (const [name, before] of [...live]) {
          const wanted = [...before];
          const found = new Set((await mapsOf(name)).map((m) => m.metadata.name));
          if (live.has(name)) broken.push(...wanted.filter((n) => !found.has(n)).map((n) => `${n} of ${name} is gone`));
        }
        return broken;
      },
      async missing() {
        const left: string[] = [];
        for (const name of dead) {
          await attempt(() => letGo(name));
          const there = await client.get(Namespaces, name).catch((e) => {
            if (isNotFound(e)) return undefined;
            throw e;
          });
          if (there && !there.metadata.deletionTimestamp) await client.delete(Namespaces, name);
          if (there) left.push(`${name}: ${there.status?.conditions?.map((c) => c.message).join('; ')}`);
        }
        for (const name of live.keys()) {
          await client.get(ServiceAccounts, 'default', name);
          await client.get(ConfigMaps, 'kube-root-ca.crt', name);
        }
        return left;
      },
    };
  },
};

const OF = 'kubernetes.io/service-account.name';

/** Accounts and the Secrets that hold their tokens. */
export const accountTokens: Walk = {
  name: 'tokens of service accounts',
  async start({ client, random, space }: Scene) {
    const namespace = await space();
    const names = ['a', 'b', 'c'] as const;
    let serial = 0;
    const secrets = async () =>
      (await client.list(Secrets, { namespace })).items.filter((s) => s.type === 'kubernetes.io/service-account-token');
    const accounts = async () => (await client.list(ServiceAccounts, { namespace })).items;
    return {
      async act() {
        const choice = random(10);
        const name = pick(random, names) ?? 'a';
        if (choice < 4) return client.create(ServiceAccounts, { metadata: { namespace, name } });
        if (choice < 5) return client.delete(ServiceAccounts, name, namespace);
        const secret = pick(random, await secrets());
        if (choice < 8 || !secret) {
          const metadata = { namespace, name: `t${serial++}`, annotations: { [OF]: name } };
          return client.create(Secrets, { metadata, type: 'kubernetes.io/service-account-token' });
        }
        if (choice < 9) return client.delete(Secrets, secret.metadata.name, namespace);
        const body = { data: { token: null } };
        return client.patch(Secrets, { name: secret.metadata.name, namespace }, { type: 'merge', body });
      },
      async missing() {
        const uids = new Map((await accounts()).map((a) => [a.metadata.name, a.metadata.uid]));
        return (await secrets()).flatMap(({ metadata: { name, annotations = {} }, data = {} }) => {
          const uid = uids.get(annotations[OF] ?? '');
          if (!uid) return [`${name}: its account ${annotations[OF]} is gone`];
          const complete = data.token && data['ca.crt'] && data.namespace;
          if (!complete) return [`${name} is not filled`];
          return differences(name, annotations['kubernetes.io/service-account.uid'], uid);
        });
      },
    };
  },
};

/** Roles that others are gathered into. */
export const aggregatedRoles: Walk = {
  name: 'aggregated cluster roles',
  async start({ client, random, space }: Scene) {
    const prefix = await space();
    const label = `${prefix}/part`;
    const rule = () => ({ apiGroups: [''], resources: [`r${random(5)}`], verbs: ['get'] });
    await client.create(ClusterRoles, {
      metadata: { name: prefix },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label]: 'yes' } }] },
      rules: [],
    });
    const whole = () => client.get(ClusterRoles, prefix);
    return {
      async act() {
        const choice = random(10);
        const name = `${prefix}-${random(5)}`;
        const labels = { [label]: random(3) ? 'yes' : 'no' };
        if (choice < 4) return client.create(ClusterRoles, { metadata: { name, labels }, rules: [rule(), rule()] });
        if (choice < 5) return client.delete(ClusterRoles, name);
        const body = choice < 7 ? { metadata: { labels } } : { rules: [rule()] };
        return client.patch(ClusterRoles, { name: choice < 9 ? name : prefix }, { type: 'merge', body });
      },
      async missing() {
        const { items } = await client.list(ClusterRoles, { labelSelector: `${label}=yes` });
        const texts = (rules: readonly object[]) => [...new Set(rules.map((r) => JSON.stringify(r)))].sort();
        const should = items.flatMap((r) => r.rules ?? []);
        return differences('rules', texts((await whole()).rules ?? []), texts(should));
      },
    };
  },
};
