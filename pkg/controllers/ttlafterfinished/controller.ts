import { type Job, Jobs } from '#api/kinds/index.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import {
  type Controller,
  type ControllerDeps,
  type Outcome,
  ownKey,
  splitKey,
  watching,
} from '../harness/controller.ts';

/** When a finished job's time is over, epoch milliseconds; undefined while it runs or if it may stay. Pure. */
export function expiry(job: Stored<Job>): number | undefined {
  const ttl = job.spec?.ttlSecondsAfterFinished;
  if (ttl === undefined || job.metadata.deletionTimestamp) return undefined;
  const end = job.status?.conditions?.find(
    (c) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True',
  );
  return end?.lastTransitionTime ? Date.parse(end.lastTransitionTime) + ttl * 1000 : undefined;
}

/** Deletes finished jobs, and with them their pods, `ttlSecondsAfterFinished` after their end. */
export function ttlAfterFinished(deps: ControllerDeps): Controller {
  const jobs = deps.informers.informer(Jobs);

  async function reconcile(key: string): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const job = jobs.lister.get(name, namespace);
    const at = job && expiry(job);
    if (!at) return undefined;
    const left = at - deps.clock.now();
    if (left > 0) return { afterMs: left };
    const { uid, resourceVersion } = job.metadata;
    try {
      // The version makes sure that nobody has given it more time meanwhile.
      const preconditions = { uid, resourceVersion };
      await deps.client.delete(Jobs, name, namespace, { preconditions, propagationPolicy: 'Foreground' });
    } catch (e) {
      if (!isNotFound(e) && !isConflict(e)) throw e;
    }
    return undefined;
  }

  return {
    name: 'ttl-after-finished',
    watches: [watching(Jobs, (job, _old, gone) => (gone || expiry(job) === undefined ? [] : ownKey(job)))],
    reconcile,
  };
}
