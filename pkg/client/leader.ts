import type { Clock } from '#async/clock.ts';
import { anySignal } from '#async/signals.ts';
import type { Logger } from '#process/logger.ts';
import { type Fence, LeadershipLost, LeaseHolder } from './lease-holder.ts';
import type { Client } from './types.ts';

export { type Fence, LeadershipLost } from './lease-holder.ts';

export interface LeadershipOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leaseName: string;
  readonly namespace?: string;
  /** Unique per process. */
  readonly identity: string;
  /** Others take over when the lease was not renewed for this long. */
  readonly leaseDurationMs?: number;
  /** The leader gives up when it could not renew for this long; less than the lease duration. */
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
  readonly signal: AbortSignal;
  /** Called at once when the lease is lost, before the leader's signal aborts. */
  readonly onLost?: () => void;
  /** A clock that no one sets and that goes on while the process is stopped; default: the machine's. */
  readonly monotonicMs?: () => number;
}

/** How long after the loss of the lease the leader's function may take to end. */
const LOST_GRACE_MS = 3000;

/**
 * Waits for the lease, runs `lead` while it is held, and returns when `lead` returns or the outer signal aborts
 * (coordination.k8s.io Lease, as client-go's leader election). A clean end releases the lease. `lead` must end soon after
 * its signal aborts.
 * @throws LeadershipLost when the lease was lost: the process should exit, so that nothing of the old leader goes on.
 */
export async function runWithLeadership(
  o: LeadershipOptions,
  lead: (signal: AbortSignal, fence: Fence) => Promise<void>,
): Promise<void> {
  const lease = new LeaseHolder({
    client: o.client,
    clock: o.clock,
    logger: o.logger,
    name: o.leaseName,
    namespace: o.namespace ?? 'kube-system',
    identity: o.identity,
    durationMs: o.leaseDurationMs ?? 15_000,
    deadlineMs: o.renewDeadlineMs ?? 10_000,
    retryMs: o.retryPeriodMs ?? 2000,
    monotonicMs: o.monotonicMs ?? (() => performance.now()),
  });
  if (!(await lease.acquire(o.signal))) return;
  o.logger.info({ lease: o.leaseName, identity: o.identity }, 'leading');
  const lost = new AbortController();
  const ended = new AbortController();
  const leading = anySignal([o.signal, lost.signal, ended.signal]);
  const renewing = lease.keep(leading.signal, () => {
    o.logger.error({ lease: o.leaseName, identity: o.identity }, 'lost the lease');
    o.onLost?.();
    lost.abort(new LeadershipLost(o.leaseName));
  });
  try {
    const led = lead(leading.signal, lease);
    // A leader that does not stop when told must not keep the process alive as a zombie.
    await Promise.race([led, afterLoss(lost.signal, o.clock, ended.signal)]);
  } catch (e) {
    if (!leading.signal.aborted) throw e;
  } finally {
    ended.abort();
    leading.dispose();
    await renewing;
  }
  if (lost.signal.aborted) throw new LeadershipLost(o.leaseName);
  await lease.release();
}

/** Settles some time after the loss; never, while the lease is kept. */
function afterLoss(lost: AbortSignal, clock: Clock, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const onLost = (): void => void clock.sleep(LOST_GRACE_MS, ended).then(resolve, resolve);
    lost.addEventListener('abort', onLost, { once: true });
  });
}

/**
 * A client whose writes are refused as soon as the fence falls: a leader that was stopped and wakes up too late can read,
 * but change nothing. The fence is asked again right before each request goes onto the wire, retries included.
 */
export function leaderClient(client: Client, fence: Fence): Client {
  const guard = (): void => fence.assertLeading();
  return {
    get: (...args) => client.get(...args),
    list: (...args) => client.list(...args),
    watch: (...args) => client.watch(...args),
    close: () => client.close(),
    create: async (kind, object, o) => client.create(kind, object, { ...o, guard }),
    update: async (kind, object, o) => client.update(kind, object, { ...o, guard }),
    updateStatus: async (kind, object, o) => client.updateStatus(kind, object, { ...o, guard }),
    patch: async (kind, target, patch, o) => client.patch(kind, target, patch, { ...o, guard }),
    delete: async (kind, name, namespace, o) => client.delete(kind, name, namespace, { ...o, guard }),
    createSubresource: async (kind, target, body, o) => client.createSubresource(kind, target, body, { ...o, guard }),
    raw: async (method, path, body, o) => client.raw(method, path, body, method === 'GET' ? o : { ...o, guard }),
  };
}
