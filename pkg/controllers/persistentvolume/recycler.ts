import { Events, type PersistentVolume, type Pod, Pods } from '#api/kinds/index.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import type { Client, Lister } from '#client/types.ts';
import type { Note } from '../harness/note.ts';
import type { Volume } from './match.ts';

const NAMESPACE = 'default';
const PREFIX = 'recycler-for-';
const MOUNT = '/scrub';
/** UID of the claim whose data is removed. */
const LEFT_BY = 'coxswain.io/left-by-claim';
/** What is left after this was too much to remove, or could not be reached, seconds. */
const LIMIT_SECONDS = 300;
/** Of one pod; one that fails again and again has few, each with a count. */
const MAX_EVENTS = 100;
/** Everything in the folder, hidden or not, and a look whether that was all. */
const SCRUB = `cd ${MOUNT} && rm -rf -- ..?* .[!.]* * && [ -z "$(ls -A)" ]`;

/** The volume that a pod empties. */
export const recycledBy = ({ metadata }: Pod): string | undefined =>
  metadata?.namespace === NAMESPACE && metadata.name?.startsWith(PREFIX)
    ? metadata.name.slice(PREFIX.length)
    : undefined;

/** Whether volumes of the kind can be emptied for the next claim: folders of nodes, and NFS. */
export const isRecyclable = ({ spec }: PersistentVolume): boolean =>
  spec?.hostPath !== undefined || spec?.nfs !== undefined;

/** The pod that empties a volume; it runs where the volume can be reached. Pure. */
export function recycler(volume: Volume, image: string): Pod {
  const { name, uid } = volume.metadata;
  const { hostPath, nfs, nodeAffinity } = volume.spec ?? {};
  const required = nodeAffinity?.required;
  return {
    metadata: {
      name: `${PREFIX}${name}`,
      namespace: NAMESPACE,
      annotations: { [LEFT_BY]: volume.spec?.claimRef?.uid ?? '' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'PersistentVolume', name, uid }],
    },
    spec: {
      restartPolicy: 'Never',
      activeDeadlineSeconds: LIMIT_SECONDS,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 0,
      ...(required ? { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } } : {}),
      containers: [
        {
          ...{ name: 'recycler', image, imagePullPolicy: 'IfNotPresent', command: ['/bin/sh', '-c', SCRUB] },
          volumeMounts: [{ name: 'volume', mountPath: MOUNT }],
        },
      ],
      volumes: [{ name: 'volume', ...(hostPath ? { hostPath } : { nfs }) }],
    },
  } as Pod;
}

export type Recycling = 'going' | 'done' | { readonly failed: string };

/** Empties volumes by pods (persistentVolumeReclaimPolicy Recycle). */
export class Recycler {
  readonly #client: Client;
  readonly #pods: Lister<Pod>;
  readonly #image: string;
  /** UIDs of the events of recycler pods that were passed on, by volume. */
  readonly #told = new Map<string, Set<string>>();

  /** @param image has a shell and rm */
  constructor(client: Client, pods: Lister<Pod>, image: string) {
    this.#client = client;
    this.#pods = pods;
    this.#image = image;
  }

  /** How far it is; starts it if need be. To be asked again when the pod changes. */
  async look(volume: Volume): Promise<Recycling> {
    const pod = this.#pods.get(`${PREFIX}${volume.metadata.name}`, NAMESPACE);
    if (!pod) {
      await this.#start(volume);
      return 'going';
    }
    const { phase, message } = pod.status ?? {};
    // What was done for an earlier claim says nothing of the data of this one.
    if (pod.metadata.annotations?.[LEFT_BY] !== volume.spec?.claimRef?.uid) await this.clear(volume);
    else if (phase === 'Failed') return { failed: message ?? 'the recycler pod failed' };
    else if (phase === 'Succeeded') return 'done';
    return 'going';
  }

  async #start(volume: Volume): Promise<void> {
    try {
      await this.#client.create(Pods, recycler(volume, this.#image));
    } catch (e) {
      if (!isAlreadyExists(e)) throw e;
    }
  }

  /** What happened to the pod since it was asked last: it is gone before its user could look at it. */
  async news(volume: Volume): Promise<Note[]> {
    const { name } = volume.metadata;
    const pod = this.#pods.get(`${PREFIX}${name}`, NAMESPACE);
    if (!pod) return [];
    const told = this.#told.get(name) ?? new Set();
    this.#told.set(name, told);
    const fieldSelector = `involvedObject.uid=${pod.metadata.uid}`;
    const { items } = await this.#client.list(Events, { namespace: NAMESPACE, fieldSelector, limit: MAX_EVENTS });
    const fresh = items.filter((e) => e.involvedObject?.uid === pod.metadata.uid && !told.has(e.metadata.uid));
    for (const e of fresh) told.add(e.metadata.uid);
    return fresh.map((e) => [
      e.type === 'Warning' ? 'Warning' : 'Normal',
      'RecyclerPod',
      `Recycler pod: ${e.message ?? ''}`,
    ]);
  }

  /** Nothing more is to be told of a volume's pods. */
  forget(volume: string): void {
    this.#told.delete(volume);
  }

  /** Removes what is left of a recycling that is over. */
  async clear(volume: Volume): Promise<void> {
    this.forget(volume.metadata.name);
    const pod: Stored<Pod> | undefined = this.#pods.get(`${PREFIX}${volume.metadata.name}`, NAMESPACE);
    if (!pod) return;
    try {
      const { name, uid } = pod.metadata;
      await this.#client.delete(Pods, name, NAMESPACE, { preconditions: { uid } });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  }
}
