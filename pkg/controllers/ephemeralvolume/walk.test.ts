import { test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import { type PersistentVolumeClaim, PersistentVolumeClaims, type Pod, Pods } from '#api/kinds/index.ts';
import type { Fate, Write } from '../fake-api.ts';
import { FATES, FakeProcess, pick, walks } from '../fake-process.ts';
import { claimProtection } from '../persistentvolume/protection.ts';
import { isTerminal } from '../pods/state.ts';
import { ephemeralVolumes } from './controller.ts';

/** More pods than this are not made. */
const MOST = 3;
const DEEDS = { pod: 8, bound: 3, end: 2, gone: 4, noClaim: 4, time: 2, begin: 5, used: 5 };
type Deed = keyof typeof DEEDS;
const FINALIZER = 'kubernetes.io/pvc-protection';
const volumes = [
  { name: 'data', ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'] } } } },
  { name: 'shared', persistentVolumeClaim: { claimName: 'shared' } },
];

/** Pods with ephemeral volumes and one claim that all share; users delete both. */
class Scene {
  readonly run = new FakeProcess([Pods, PersistentVolumeClaims], ephemeralVolumes, claimProtection);
  readonly broken = new Set<string>();
  #serial = 0;

  constructor() {
    this.run.api.judge = (write) => this.#judge(write);
  }

  /** A claim that a pod on a node uses loses its protection. */
  #judge({ kind, old, next }: Write): void {
    if (kind !== PersistentVolumeClaims.kind || !old || !next) return;
    const wasKept = old.metadata.finalizers?.includes(FINALIZER) && !next.metadata.finalizers?.includes(FINALIZER);
    const users = this.run.api.list(Pods).filter((p) => p.spec?.nodeName && !isTerminal(p));
    const used = users.some((p) => old.metadata.name === 'shared' || old.metadata.name === `${p.metadata.name}-data`);
    if (wasKept && used) this.broken.add(`${old.metadata.name} is used`);
    if (!old.metadata.deletionTimestamp && wasKept) this.broken.add(`${old.metadata.name} is not going`);
  }

  /** Pods of a StatefulSet would be told that a claim of their predecessor is not theirs; these have names of their own. */
  #pod(): void {
    const { api } = this.run;
    if (!api.get(PersistentVolumeClaims, 'ns/shared')) {
      const metadata = { namespace: 'ns', name: 'shared', uid: `shared-${this.#serial++}` };
      api.put(PersistentVolumeClaims, { metadata, spec: {} } as PersistentVolumeClaim);
    }
    if (api.list(Pods).length >= MOST) return;
    const name = `p${this.#serial++}`;
    const metadata = { namespace: 'ns', name, uid: name };
    api.put(Pods, { metadata, spec: { volumes, containers: [] }, status: { phase: 'Pending' } } as unknown as Pod);
  }

  /** As the scheduler does: not with claims that are going. */
  #bind(name: string): void {
    const { api } = this.run;
    const p = api.get(Pods, `ns/${name}`);
    const claims = [`ns/${name}-data`, 'ns/shared'].map((key) => api.get(PersistentVolumeClaims, key));
    if (!p || p.spec?.nodeName || claims.some((c) => !c || c.metadata.deletionTimestamp)) return;
    api.put(Pods, { ...p, spec: { ...p.spec, nodeName: 'n' } } as Pod);
  }

  /** The claim that all share is deleted while a pod uses it, of which perhaps nobody has heard. */
  async #used(isHeard: boolean, fate: Fate): Promise<void> {
    this.#pod();
    await this.run.calm();
    this.collect();
    const name = this.run.api.list(Pods).at(-1)?.metadata.name ?? '';
    this.#bind(name);
    if (isHeard) this.run.api.tellAll();
    this.run.api.remove(PersistentVolumeClaims, 'ns/shared');
    while (this.run.api.tell(PersistentVolumeClaims));
    await this.run.begin(1, fate);
  }

  act = (what: Deed, i: number, j: number): unknown => {
    const { api } = this.run;
    const pods = api.list(Pods);
    const name = pods[i % Math.max(1, pods.length)]?.metadata.name ?? '';
    if (what === 'begin') return this.run.begin(i % 3, pick(FATES, j));
    if (what === 'used') return this.#used(i % 2 > 0, pick(FATES, j));
    if (what === 'time') return this.run.advance(6000);
    if (what === 'pod') return this.#pod();
    if (what === 'bound') return this.#bind(name);
    if (what === 'noClaim') return api.remove(PersistentVolumeClaims, j % 3 ? `ns/${name}-data` : 'ns/shared');
    const p = api.get(Pods, `ns/${name}`);
    if (what === 'end') return p && api.put(Pods, { ...p, status: { phase: 'Succeeded' } } as Pod);
    return api.remove(Pods, `ns/${name}`);
  };

  /** As the garbage collector does. */
  collect(): void {
    const { api } = this.run;
    const uids = new Set(api.list(Pods).map((p) => p.metadata.uid));
    for (const { metadata } of api.list(PersistentVolumeClaims))
      if (metadata.ownerReferences?.some((r) => !uids.has(r.uid)) && !metadata.deletionTimestamp)
        api.remove(PersistentVolumeClaims, `ns/${metadata.name}`);
  }

  async end(): Promise<string[]> {
    for (let i = 0; i < 4; i++) {
      await this.run.calm();
      this.collect();
      await this.run.advance(6000);
    }
    await this.run.calm();
    const { api } = this.run;
    const users = api.list(Pods).filter((p) => p.spec?.nodeName && !isTerminal(p));
    const needy = api.list(Pods).filter((p) => !isTerminal(p) && !p.metadata.deletionTimestamp);
    return [
      ...needy
        .filter((p) => !api.get(PersistentVolumeClaims, `ns/${p.metadata.name}-data`))
        .map((p) => `${p.metadata.name} has no claim`),
      ...api.list(PersistentVolumeClaims).flatMap((c) => {
        const isUsed =
          c.metadata.name === 'shared'
            ? users.length > 0
            : users.some((p) => c.metadata.name === `${p.metadata.name}-data`);
        const isKept = c.metadata.finalizers?.includes(FINALIZER);
        if (c.metadata.deletionTimestamp && !isUsed) return [`${c.metadata.name} is kept though nobody uses it`];
        return isKept ? [] : [`${c.metadata.name} is not protected`];
      }),
    ];
  }
}

property.prop([walks(DEEDS)], { numRuns: 60 })(
  'pods have the claims of their ephemeral volumes, and no claim goes that is used, whatever happens in which order',
  async (steps) => {
    const scene = new Scene();
    for (const step of steps) {
      await scene.run.step(step, scene.act);
      scene.collect();
    }
    const missing = await scene.end();
    expect([...scene.broken, ...missing]).toEqual([]);
  },
);
