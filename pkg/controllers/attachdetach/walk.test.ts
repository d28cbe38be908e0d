import { test as property } from '@fast-check/vitest';
import { expect } from 'vitest';
import {
  CSIDrivers,
  type Node,
  Nodes,
  type PersistentVolume,
  type PersistentVolumeClaim,
  PersistentVolumeClaims,
  PersistentVolumes,
  type Pod,
  Pods,
  VolumeAttachments,
} from '#api/kinds/index.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { isReady } from '#api/meta/readiness.ts';
import type { Write } from '../fake-api.ts';
import { FATES, FakeProcess, pick, walks } from '../fake-process.ts';
import { isTerminal } from '../pods/state.ts';
import { attachDetachController } from './controller.ts';
import { type Attachment, attachmentName, isExclusive, UNMOUNT_MS, volumeId } from './plan.ts';

const NODES = ['n0', 'n1'] as const;
const PODS = ['p0', 'p1', 'p2', 'p3'] as const;
/** Access modes and driver of the volumes; the last one's needs no attaching. */
const KINDS = [
  ['ReadWriteOnce', 'd'],
  ['ReadWriteMany', 'd'],
  ['ReadWriteOnce', 'unattached'],
] as const;
const FINALIZER = 'external-attacher/d';
const DEEDS = {
  ...{ pod: 8, gone: 4, end: 1, attach: 6, detached: 5, mount: 6, unmount: 5, time: 2 },
  ...{ ready: 1, out: 1, noNode: 1, drop: 1, begin: 4, race: 3 },
};
type Deed = keyof typeof DEEDS;

const nodeOf = (a: Attachment): string => a.spec?.nodeName ?? '';
const isOut = (n: Node): boolean => (n.spec?.taints ?? []).length > 0;

/** Pods, agents and the driver's attacher around the controller. */
class Scene {
  readonly run = new FakeProcess([Pods, VolumeAttachments, Nodes], attachDetachController);
  readonly broken = new Set<string>();
  #serial = 0;

  constructor() {
    const { api } = this.run;
    api.judge = (write) => this.#judge(write);
    api.put(CSIDrivers, { metadata: { name: 'unattached' }, spec: { attachRequired: false } });
    for (const [i, [mode, driver]] of KINDS.entries()) {
      const claimRef = { namespace: 'ns', name: `c${i}`, uid: `c${i}` };
      const spec = { accessModes: [mode], csi: { driver, volumeHandle: `h${i}` }, claimRef };
      api.put(PersistentVolumes, { metadata: { name: `v${i}` }, spec } as unknown as PersistentVolume);
      const claim = { metadata: { namespace: 'ns', name: `c${i}`, uid: `c${i}` }, spec: { volumeName: `v${i}` } };
      api.put(PersistentVolumeClaims, claim as PersistentVolumeClaim);
    }
    for (const name of NODES) this.#putNode(name);
    api.tellAll();
  }

  get #attachments(): Attachment[] {
    return this.run.api.list(VolumeAttachments);
  }

  #volumeOf(a: Attachment): Stored<PersistentVolume> | undefined {
    return this.run.api.get(PersistentVolumes, a.spec?.source?.persistentVolumeName ?? '');
  }

  #judge({ by, kind, old, next }: Write): void {
    if (!by.alive) return;
    if (kind === VolumeAttachments.kind && next && !old) this.#judgeAttach(next as unknown as Attachment);
    if (kind === VolumeAttachments.kind && old && !next) this.#judgeDetach(old as unknown as Attachment);
    if (kind === Nodes.kind && old && next) this.#judgeStrike(old as unknown as Node, next as unknown as Node);
  }

  #judgeAttach(next: Attachment): void {
    const volume = this.#volumeOf(next);
    const others = this.#attachments.filter((a) => this.#volumeOf(a) === volume);
    const isKnown = others.some((a) => this.run.sees(VolumeAttachments, a.metadata.name));
    if (volume && isExclusive(volume) && isKnown) this.broken.add(`${volume.metadata.name} goes to two nodes`);
    if (volume?.spec?.csi?.driver !== 'd') this.broken.add(`${volume?.metadata.name} needs no attaching`);
  }

  #judgeDetach(old: Attachment): void {
    const [node, volume] = [this.run.api.get(Nodes, nodeOf(old)), this.#volumeOf(old)];
    const listed = node?.status?.volumesAttached?.some((v) => volume && v.name === volumeId(volume));
    if (listed) this.broken.add(`${volume?.metadata.name} goes from ${nodeOf(old)}, which was not told`);
  }

  /** A healthy node must not lose what it mounts. */
  #judgeStrike(old: Node, next: Node): void {
    const after = new Set(next.status?.volumesAttached?.map((v) => v.name));
    for (const { name } of old.status?.volumesAttached ?? []) {
      const isUsed = old.status?.volumesInUse?.includes(name) && isReady(old) && !isOut(old);
      const there = this.#attachments.find((a) => {
        const volume = this.#volumeOf(a);
        return nodeOf(a) === old.metadata?.name && volume && volumeId(volume) === name;
      });
      const isAttached = there?.status?.attached && !there.metadata.deletionTimestamp;
      if (isUsed && isAttached && !after.has(name)) this.broken.add(`${old.metadata?.name} lost ${name}`);
    }
  }

  #putNode(name: string, change: (n: Node) => Node = (n) => n): void {
    const conditions = [{ type: 'Ready', status: 'True' }];
    const fresh = { metadata: { name, uid: `${name}-${this.#serial++}` }, status: { conditions } } as unknown as Node;
    this.run.api.put(Nodes, change(this.run.api.get(Nodes, name) ?? fresh));
  }

  #changed(name: string, change: (n: Node) => Node): void {
    if (this.run.api.get(Nodes, name)) this.#putNode(name, change);
  }

  #pod(name: string, claim: number, node: string): void {
    if (this.run.api.get(Pods, `ns/${name}`)) return;
    const volumes = [{ name: 'x', persistentVolumeClaim: { claimName: `c${claim % KINDS.length}` } }];
    const metadata = { namespace: 'ns', name, uid: `${name}-${this.#serial++}` };
    this.run.api.put(Pods, { metadata, spec: { nodeName: node, volumes } } as unknown as Pod);
  }

  /** Volumes that pods of the node want and a driver attaches. */
  #wantedOn(node: string): Set<Stored<PersistentVolume>> {
    const pods = this.run.api.list(Pods).filter((p) => p.spec?.nodeName === node && !isTerminal(p));
    const claims = pods.map((p) => p.spec?.volumes?.[0]?.persistentVolumeClaim?.claimName);
    const volumes = this.run.api.list(PersistentVolumes);
    return new Set(volumes.filter((v) => v.spec?.csi?.driver === 'd' && claims.includes(v.spec.claimRef?.name)));
  }

  /** As agents do: what a pod wants is told to be in use before it is, and until it is no more. */
  #mount(node: string, isDone: boolean): void {
    const wanted = [...this.#wantedOn(node)].map(volumeId);
    this.#changed(node, (n) => {
      const before = n.status?.volumesInUse ?? [];
      const volumesInUse = [...new Set([...(isDone ? before.filter((v) => wanted.includes(v)) : before), ...wanted])];
      return { ...n, status: { ...n.status, volumesInUse } } as Node;
    });
  }

  #attach(): void {
    for (const a of this.#attachments)
      if (!a.metadata.deletionTimestamp && !a.status?.attached)
        this.run.api.put(VolumeAttachments, {
          ...a,
          metadata: { ...a.metadata, finalizers: [FINALIZER] },
          status: { attached: true },
        });
  }

  #detached(): void {
    for (const a of this.#attachments) {
      if (!a.metadata.deletionTimestamp) continue;
      this.run.api.put(VolumeAttachments, { ...a, metadata: { ...a.metadata, finalizers: [] } });
      this.run.api.remove(VolumeAttachments, a.metadata.name);
    }
  }

  /** While a volume is about to be struck off, the agent begins to use it for a new pod. */
  async #race(node: string, [old, next]: readonly [string, string]): Promise<void> {
    for (const name of PODS) this.run.api.remove(Pods, `ns/${name}`);
    await this.run.calm();
    this.#detached();
    this.#pod(old, 0, node);
    await this.run.calm();
    this.#attach();
    await this.run.calm();
    this.run.api.remove(Pods, `ns/${old}`);
    this.#mount(node, true);
    this.run.api.tellAll();
    await this.run.step(['turn', 0, 0], this.act);
    this.#pod(next, 0, node);
    this.#mount(node, false);
    await this.run.step(['serve', 0, 0], this.act);
  }

  #toggleReady(n: Node): Node {
    const conditions = [{ type: 'Ready', status: isReady(n) ? 'Unknown' : 'True' }];
    return { ...n, status: { ...n.status, conditions } } as Node;
  }

  act = (what: Deed, i: number, j: number): unknown => {
    const { api } = this.run;
    const [name, node] = [pick(PODS, i), pick(NODES, j)];
    const taints = [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }];
    if (what === 'pod') return this.#pod(name, i + j, node);
    if (what === 'gone') return api.remove(Pods, `ns/${name}`);
    if (what === 'attach') return this.#attach();
    if (what === 'detached') return this.#detached();
    if (what === 'mount' || what === 'unmount') return this.#mount(node, what === 'unmount');
    if (what === 'time') return this.run.advance(UNMOUNT_MS / (1 + (i % 2)));
    if (what === 'ready') return this.#changed(node, this.#toggleReady);
    if (what === 'out') return this.#changed(node, (n) => ({ ...n, spec: { taints: isOut(n) ? [] : taints } }) as Node);
    if (what === 'noNode') return api.get(Nodes, node) ? api.remove(Nodes, node) : this.#putNode(node);
    if (what === 'race') return this.#race(node, [name, pick(PODS, i + 1)]);
    if (what === 'begin') return this.run.begin(i % 3, pick(FATES, j));
    const p = api.get(Pods, `ns/${name}`);
    if (what === 'end') return p && api.put(Pods, { ...p, status: { phase: 'Succeeded' } } as Pod);
    // Somebody detaches by hand.
    const a = this.#attachments[i % Math.max(1, this.#attachments.length)];
    return a && api.remove(VolumeAttachments, a.metadata.name);
  };

  /** Everybody does what is theirs until nothing changes. @returns what is not as it must be */
  async end(): Promise<string[]> {
    for (const name of NODES) {
      this.#putNode(name, (n) => ({ ...n, spec: {} }) as Node);
      this.#changed(name, (n) => (isReady(n) ? n : this.#toggleReady(n)));
    }
    for (let round = 0; round < 6; round++) {
      await this.run.calm();
      this.#attach();
      this.#detached();
      for (const name of NODES) this.#mount(name, true);
    }
    await this.run.calm();
    return NODES.flatMap((name) => this.#wrongOn(name));
  }

  #wrongOn(node: string): string[] {
    const wanted = [...this.#wantedOn(node)];
    const has = this.#attachments.filter((a) => nodeOf(a) === node).map((a) => a.metadata.name);
    const isElsewhere = (v: Stored<PersistentVolume>): boolean =>
      isExclusive(v) && this.#attachments.some((a) => this.#volumeOf(a) === v && nodeOf(a) !== node);
    const should = wanted.filter((v) => !isElsewhere(v));
    const names = should.map((v) => attachmentName(v, node));
    const listed = this.run.api.get(Nodes, node)?.status?.volumesAttached?.map((v) => v.name) ?? [];
    return [
      ...has.filter((a) => !names.includes(a)).map(() => `${node} has what it does not want`),
      ...should.filter((v) => !has.includes(attachmentName(v, node))).map((v) => `${node} lacks ${v.metadata.name}`),
      ...(String(listed.sort()) === String(should.map(volumeId).sort()) ? [] : [`${node} says ${listed}`]),
    ];
  }
}

property.prop([walks(DEEDS)], { numRuns: 60 })(
  'volumes are attached where pods want them, an exclusive one to one node, and none is taken that is mounted',
  async (steps) => {
    const scene = new Scene();
    for (const step of steps) await scene.run.step(step, scene.act);
    const missing = await scene.end();
    expect([...scene.broken, ...missing]).toEqual([]);
  },
);
