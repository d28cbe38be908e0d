import { test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import {
  type Node,
  Nodes,
  type PersistentVolume,
  type PersistentVolumeClaim,
  PersistentVolumeClaims,
  PersistentVolumes,
  type Pod,
  Pods,
  StorageClasses,
  VolumeAttributesClasses,
} from '#api/kinds/index.ts';
import { LOCAL_PATH } from '#api/scheduling/local-path.ts';
import { SELECTED_NODE, STORAGE_PROVISIONER } from '#api/scheduling/volume-match.ts';
import type { Write } from '../fake-api.ts';
import { FATES, FakeProcess, pick, walks } from '../fake-process.ts';
import type { Claim, Volume } from '../persistentvolume/match.ts';
import { localPathProvisioner } from './controller.ts';
import { hostnameOf, removedBy } from './plan.ts';

const CLAIMS = ['c0', 'c1', 'c2'] as const;
const NODES = ['n0', 'n1'] as const;
const SIZES = ['1Gi', '2Gi', '3Gi'] as const;
const DEEDS = {
  claim: 6,
  bind: 5,
  grow: 3,
  gold: 3,
  gone: 4,
  removed: 4,
  failed: 1,
  noPod: 1,
  node: 2,
  noClass: 1,
  begin: 5,
};
type Deed = keyof typeof DEEDS;
const CLASS = 'local-path';

/** Users, the scheduler, the binder and the agents around the provisioner. */
class Scene {
  readonly run = new FakeProcess(
    [PersistentVolumeClaims, PersistentVolumes, Pods, Nodes, VolumeAttributesClasses],
    (deps) => localPathProvisioner(deps, { storageClass: CLASS, dir: '/data', helperImage: 'x' }),
  );
  readonly broken = new Set<string>();
  /** Folders that agents have made: by volume, the uid of the node. One that comes back under its name is another one. */
  readonly #folders = new Map<string, string>();
  #serial = 0;

  constructor() {
    const { api } = this.run;
    api.judge = (write) => this.#judge(write);
    const late = { metadata: { name: CLASS }, provisioner: LOCAL_PATH, reclaimPolicy: 'Delete' } as const;
    api.put(StorageClasses, { ...late, volumeBindingMode: 'WaitForFirstConsumer' });
    for (const name of NODES) this.#node(name);
    this.#gold();
    api.tellAll();
  }

  #judge({ kind, old, next }: Write): void {
    if (kind === PersistentVolumes.kind && !old && next) {
      const ref = (next as unknown as PersistentVolume).spec?.claimRef;
      const twin = this.#volumes.find((v) => v.spec?.claimRef?.uid === ref?.uid);
      if (twin) this.broken.add(`${ref?.name} has two volumes`);
    }
    if (kind !== PersistentVolumes.kind || next || !old) return;
    const { name } = old.metadata;
    const node = this.run.api.list(Nodes).find((n) => n.metadata.uid === this.#folders.get(name));
    if (node) this.broken.add(`${name} is gone, its folder on ${node.metadata.name} is not`);
    const owner = this.#claims.find((c) => c.metadata.uid === (old as unknown as Volume).spec?.claimRef?.uid);
    if (owner) this.broken.add(`${name} of ${owner.metadata.name} is gone`);
  }

  get #claims(): Claim[] {
    return this.run.api.list(PersistentVolumeClaims);
  }

  get #volumes(): Volume[] {
    return this.run.api.list(PersistentVolumes);
  }

  #node(name: string): void {
    this.run.api.put(Nodes, {
      metadata: { name, uid: `${name}-${this.#serial++}`, labels: { 'kubernetes.io/hostname': name } },
    } as Node);
  }

  #gold(): void {
    this.run.api.put(VolumeAttributesClasses, {
      metadata: { name: 'gold' },
      driverName: LOCAL_PATH,
      parameters: { a: 'b' },
    });
  }

  #claim(name: string, size: string, node: string): void {
    if (this.run.api.get(PersistentVolumeClaims, `ns/${name}`)) return;
    const annotations = { [STORAGE_PROVISIONER]: LOCAL_PATH, [SELECTED_NODE]: node };
    const metadata = { namespace: 'ns', name, uid: `${name}-${this.#serial++}`, annotations };
    const spec = {
      accessModes: ['ReadWriteOnce'],
      storageClassName: CLASS,
      resources: { requests: { storage: size } },
    };
    this.run.api.put(PersistentVolumeClaims, { metadata, spec, status: { phase: 'Pending' } } as PersistentVolumeClaim);
  }

  /** As the binder does, for all of them; the agent makes the folder. */
  #bind(): void {
    for (const v of this.#volumes) {
      const claim = this.#claims.find((c) => c.metadata.uid === v.spec?.claimRef?.uid);
      if (!claim) this.run.api.put(PersistentVolumes, { ...v, status: { phase: 'Released' } } as PersistentVolume);
      else if (!claim.spec?.volumeName) {
        const status = { phase: 'Bound', capacity: v.spec?.capacity } as const;
        this.run.api.put(PersistentVolumeClaims, {
          ...claim,
          spec: { ...claim.spec, volumeName: v.metadata.name },
          status,
        } as Claim);
        const uid = this.run.api.get(Nodes, hostnameOf(v))?.metadata.uid;
        if (uid) this.#folders.set(v.metadata.name, uid);
      }
    }
  }

  #change(name: string, spec: object): void {
    const c = this.run.api.get(PersistentVolumeClaims, `ns/${name}`);
    if (c?.spec?.volumeName) this.run.api.put(PersistentVolumeClaims, { ...c, spec: { ...c.spec, ...spec } } as Claim);
  }

  /** A pod that removes a folder comes to its end. */
  #finish(phase: 'Succeeded' | 'Failed'): void {
    for (const p of this.run.api.list(Pods)) {
      const volume = removedBy(p);
      if (!volume || p.status?.phase) continue;
      if (phase === 'Succeeded') this.#folders.delete(volume);
      this.run.api.put(Pods, { ...p, status: { phase } } as Pod);
    }
  }

  act = (what: Deed, i: number, j: number): unknown => {
    const { api } = this.run;
    const [name, node] = [pick(CLAIMS, i), pick(NODES, j)];
    if (what === 'begin') return this.run.begin(i % 3, pick(FATES, j));
    if (what === 'claim') return this.#claim(name, pick(SIZES, j >> 1), node);
    if (what === 'bind') return this.#bind();
    if (what === 'grow') return this.#change(name, { resources: { requests: { storage: pick(SIZES, 2) } } });
    if (what === 'gold') return this.#change(name, { volumeAttributesClassName: 'gold' });
    if (what === 'gone') return api.remove(PersistentVolumeClaims, `ns/${name}`);
    if (what === 'removed' || what === 'failed') return this.#finish(what === 'removed' ? 'Succeeded' : 'Failed');
    if (what === 'node') return api.get(Nodes, node) ? api.remove(Nodes, node) : this.#node(node);
    if (what === 'noClass')
      return api.get(VolumeAttributesClasses, 'gold') ? api.remove(VolumeAttributesClasses, 'gold') : this.#gold();
    const pod = api.list(Pods)[0];
    return pod && api.remove(Pods, `kube-system/${pod.metadata.name}`);
  };

  /** Everybody does what is theirs until nothing changes. @returns what is not as it must be */
  async end(): Promise<string[]> {
    for (const name of NODES) if (!this.run.api.get(Nodes, name)) this.#node(name);
    this.#gold();
    for (let i = 0; i < 5; i++) {
      await this.run.calm();
      this.#bind();
      this.#finish('Succeeded');
      // With its volume it goes.
      for (const p of this.run.api.list(Pods))
        if (!this.#volumes.some((v) => v.metadata.name === removedBy(p)))
          this.run.api.remove(Pods, `kube-system/${p.metadata.name}`);
    }
    await this.run.calm();
    const left = this.#volumes.filter((v) => !this.#claims.some((c) => c.metadata.uid === v.spec?.claimRef?.uid));
    return [...this.#claims.flatMap((c) => this.#wrong(c)), ...left.map((v) => `${v.metadata.name} is left`)];
  }

  #wrong(c: Claim): string[] {
    const { name, annotations } = c.metadata;
    const v = this.run.api.get(PersistentVolumes, c.spec?.volumeName ?? '');
    // Its node went before: the scheduler looks for another one.
    if (!v) return annotations?.[SELECTED_NODE] ? [`${name} has no volume`] : [];
    const asked = [c.spec?.resources?.requests?.storage, c.spec?.volumeAttributesClassName];
    const of = [v.spec?.capacity?.storage, v.spec?.volumeAttributesClassName];
    const has = [c.status?.capacity?.storage, c.status?.currentVolumeAttributesClassName];
    const isRight = String(asked) === String(of) && String(asked) === String(has);
    return isRight && !c.status?.modifyVolumeStatus ? [] : [`${name} asks for ${asked}, has ${has} of ${of}`];
  }
}

property.prop([walks(DEEDS)], { numRuns: 60 })(
  'every claim has its folder, which grows and goes with it, whatever happens in which order',
  async (steps) => {
    const scene = new Scene();
    for (const step of steps) await scene.run.step(step, scene.act);
    const missing = await scene.end();
    expect([...scene.broken, ...missing]).toEqual([]);
  },
);
