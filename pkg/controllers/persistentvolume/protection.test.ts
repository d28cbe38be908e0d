import { test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import {
  type PersistentVolume,
  type PersistentVolumeClaim,
  PersistentVolumeClaims,
  PersistentVolumes,
  VolumeAttributesClasses,
} from '#api/kinds/index.ts';
import type { Write } from '../fake-api.ts';
import { FATES, FakeProcess, pick, walks } from '../fake-process.ts';
import { attributesClassProtection } from './protection.ts';

const FINALIZER = 'kubernetes.io/vac-protection';
const CLASSES = ['gold', 'silver'] as const;
const USERS = ['u0', 'u1', 'u2'] as const;
const DEEDS = { class: 4, noClass: 6, claim: 6, moved: 3, volume: 5, free: 8, late: 6, time: 2, begin: 4 };
type Deed = keyof typeof DEEDS;

/** Claims and volumes of two classes, which users delete. */
class Scene {
  readonly run = new FakeProcess(
    [VolumeAttributesClasses, PersistentVolumeClaims, PersistentVolumes],
    attributesClassProtection,
  );
  readonly broken = new Set<string>();
  #serial = 0;

  constructor() {
    this.run.api.judge = (write) => this.#judge(write);
  }

  #isUsed(name: string): boolean {
    const { api } = this.run;
    const claims = api
      .list(PersistentVolumeClaims)
      .flatMap(({ spec, status }) => [
        spec?.volumeAttributesClassName,
        status?.currentVolumeAttributesClassName,
        status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
      ]);
    const volumes = api.list(PersistentVolumes).map((v) => v.spec?.volumeAttributesClassName);
    return [...claims, ...volumes].includes(name);
  }

  #judge({ old, next }: Write): void {
    const { name, deletionTimestamp, finalizers } = old?.metadata ?? {};
    if (!name || !finalizers?.includes(FINALIZER) || next?.metadata.finalizers?.includes(FINALIZER)) return;
    if (!deletionTimestamp || this.#isUsed(name)) this.broken.add(`${name} is let go`);
  }

  /** Nobody asks for a class that is going. */
  #isThere(name: string): boolean {
    const found = this.run.api.get(VolumeAttributesClasses, name);
    return found !== undefined && !found.metadata.deletionTimestamp;
  }

  #class(name: string): void {
    if (this.run.api.get(VolumeAttributesClasses, name)) return;
    const metadata = { name, uid: `${name} ${this.#serial++}` };
    this.run.api.put(VolumeAttributesClasses, { metadata, driverName: 'd', parameters: { a: 'b' } });
  }

  /** As a claim changes: what it asks for, what it changes to, what it has. */
  #claim(name: string, classes: readonly (string | undefined)[]): void {
    if (classes.some((c) => c && !this.#isThere(c))) return;
    const [volumeAttributesClassName, target, current] = classes;
    const metadata = { namespace: 'ns', name, uid: name };
    const spec = { volumeAttributesClassName };
    const modifyVolumeStatus = target && { targetVolumeAttributesClassName: target, status: 'InProgress' };
    const status = { currentVolumeAttributesClassName: current, modifyVolumeStatus };
    this.run.api.put(PersistentVolumeClaims, { metadata, spec, status } as PersistentVolumeClaim);
  }

  #volume(name: string, volumeAttributesClassName: string): void {
    if (!this.#isThere(volumeAttributesClassName)) return;
    this.run.api.put(PersistentVolumes, {
      metadata: { name },
      spec: { volumeAttributesClassName },
    } as PersistentVolume);
  }

  #free(name: string): void {
    this.run.api.remove(PersistentVolumeClaims, `ns/${name}`);
    this.run.api.remove(PersistentVolumes, name);
  }

  /** The class is deleted by somebody who knows nothing of its new user; nor does the controller. */
  async #late(name: string, user: string, isClaim: boolean): Promise<void> {
    for (const u of USERS) this.#free(u);
    this.#class(name);
    await this.run.calm();
    if (isClaim) this.#claim(user, [undefined, undefined, name]);
    else this.#volume(user, name);
    this.run.api.remove(VolumeAttributesClasses, name);
    while (this.run.api.tell(VolumeAttributesClasses));
    await this.run.begin(2, 'done');
  }

  /** A claim of a class that is deleted asks for the other one. */
  async #moved(name: string, user: string): Promise<void> {
    for (const c of CLASSES) this.#class(c);
    this.#claim(user, [name]);
    await this.run.calm();
    this.run.api.remove(VolumeAttributesClasses, name);
    this.#claim(
      user,
      CLASSES.filter((c) => c !== name),
    );
  }

  act = (what: Deed, i: number, j: number): unknown => {
    const [name, user] = [pick(CLASSES, i), pick(USERS, j)];
    if (what === 'class') return this.#class(name);
    if (what === 'noClass') return this.run.api.remove(VolumeAttributesClasses, name);
    if (what === 'claim') return this.#claim(user, pick([[name], [name, name], [undefined, undefined, name]], i));
    if (what === 'moved') return this.#moved(name, user);
    if (what === 'volume') return this.#volume(user, name);
    if (what === 'free') return this.#free(user);
    if (what === 'late') return this.#late(name, user, i % 4 > 1);
    if (what === 'time') return this.run.advance(6000);
    return this.run.begin(i % 4, pick(FATES, j));
  };

  /** @returns what is not as it must be */
  async end(): Promise<string[]> {
    for (let i = 0; i < 3; i++) {
      await this.run.calm();
      await this.run.advance(6000);
    }
    await this.run.calm();
    return this.run.api.list(VolumeAttributesClasses).flatMap(({ metadata }) => {
      if (!metadata.finalizers?.includes(FINALIZER)) return [`${metadata.name} is not kept`];
      return metadata.deletionTimestamp && !this.#isUsed(metadata.name) ? [`${metadata.name} is kept for nobody`] : [];
    });
  }
}

property.prop([walks(DEEDS)], { numRuns: 60 })(
  'a VolumeAttributesClass that is deleted goes when no claim and no volume is of it, and not before',
  async (steps) => {
    const scene = new Scene();
    for (const step of steps) await scene.run.step(step, scene.act);
    const wrong = await scene.end();
    expect([...scene.broken, ...wrong]).toEqual([]);
  },
);
