import { test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { ConfigMaps, Namespaces, ServiceAccounts } from '#api/kinds/index.ts';
import { FATES, FakeProcess, pick, walks } from '../fake-process.ts';
import { serviceAccountController } from '../serviceaccount/controller.ts';
import { rootCaController } from './controller.ts';

const NAMES = ['a', 'b', 'c'] as const;
const DEEDS = { namespace: 6, end: 2, gone: 2, noMap: 3, noAccount: 3, edit: 3, ours: 2, begin: 4 };
type Deed = keyof typeof DEEDS;
const CA = 'the CA';
const MAP = 'kube-root-ca.crt';

/** What every namespace gets, and users who change and delete it. */
class Scene {
  readonly run = new FakeProcess(
    [Namespaces, ConfigMaps, ServiceAccounts],
    (deps) => rootCaController(deps, CA),
    serviceAccountController,
  );
  #serial = 0;

  #namespace(name: string, phase: 'Active' | 'Terminating'): void {
    this.run.api.put(Namespaces, { metadata: { name, uid: `${name}-${this.#serial++}` }, status: { phase } });
  }

  #map(namespace: string, text: string): void {
    const old = this.run.api.get(ConfigMaps, `${namespace}/${MAP}`);
    const metadata = old?.metadata ?? { namespace, name: MAP, uid: `${this.#serial++}` };
    this.run.api.put(ConfigMaps, { metadata, data: { 'ca.crt': text } });
  }

  act = (what: Deed, i: number, j: number): unknown => {
    const { api } = this.run;
    const name = pick(NAMES, i);
    if (what === 'begin') return this.run.begin(i % 3, pick(FATES, j));
    if (what === 'noMap') return api.remove(ConfigMaps, `${name}/${MAP}`);
    if (what === 'noAccount') return api.remove(ServiceAccounts, `${name}/default`);
    const phase = api.get(Namespaces, name)?.status?.phase;
    if (what === 'edit') return phase && this.#map(name, `wrong ${j}`);
    if (what === 'ours') return phase && this.#map(name, CA);
    if (what === 'namespace') return phase ? undefined : this.#namespace(name, 'Active');
    if (what === 'end') return phase && this.#namespace(name, 'Terminating');
    for (const kind of [ConfigMaps, ServiceAccounts] as const)
      for (const o of api.list(kind as typeof ConfigMaps))
        if (o.metadata.namespace === name) api.remove(kind as typeof ConfigMaps, `${name}/${o.metadata.name}`);
    return api.remove(Namespaces, name);
  };

  missing(): string[] {
    const { api } = this.run;
    const live = api.list(Namespaces).filter((n) => n.status?.phase === 'Active');
    return live.flatMap(({ metadata: { name } }) => [
      ...(api.get(ConfigMaps, `${name}/${MAP}`)?.data?.['ca.crt'] === CA ? [] : [`${name} has no CA`]),
      ...(api.get(ServiceAccounts, `${name}/default`) ? [] : [`${name} has no account`]),
    ]);
  }
}

property.prop([walks(DEEDS)], { numRuns: 40 })(
  'every namespace has the CA and an account, whatever happens in which order',
  async (steps) => {
    const scene = new Scene();
    for (const step of steps) await scene.run.step(step, scene.act);
    await scene.run.calm();
    await scene.run.advance(1000);
    await scene.run.calm();
    expect(scene.missing()).toEqual([]);
  },
);
