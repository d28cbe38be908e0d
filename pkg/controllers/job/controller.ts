import { type Job, Jobs, type Pod, Pods } from '#api/kinds/index.ts';
import { isInvalid, isNotFound } from '#api/meta/errors.ts';
import { compileLabelSelector } from '#api/meta/labels.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { forEachLimited } from '../harness/batches.ts';
import {
  type Controller,
  type ControllerDeps,
  type Outcome,
  ownKey,
  splitKey,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { KindWrites } from '../harness/kind-writes.ts';
import { LastWritten } from '../harness/recent-writes.ts';
import { controllerOf, refersTo } from '../ownership/controller-ref.ts';
import { Family } from '../ownership/family.ts';
import { type Failure, PodControl } from '../pods/pod-control.ts';
import { isActive } from '../pods/state.ts';
import { type FailureRun, failureRun, planPods } from './plan.ts';
import { isTracked, JOB_NAME, podFor, TRACKING } from './pods.ts';
import { endNotes, finalStatus, leaving, settledStatus, startStatus, trackingStatus } from './status.ts';
import { type Scene, type Tally, tallyOf } from './tally.ts';
import { completion, deadlineIn, isFinished, type Verdict, verdictOf } from './verdict.ts';

/** Pod events of one job within this time lead to one reconcile. */
const GATHER_MS = 20;
const PARALLEL = 16;
const TRACKED = 'tracked-pods-of-job';
const OWN_NAME = 'kubernetes.io/job-controller';

/** Key of the job a tracked pod belongs, or belonged, to. */
function jobKey(pod: Stored<Pod>): string | undefined {
  const ref = controllerOf(pod);
  if (ref && !refersTo(ref, Jobs)) return undefined;
  return `${pod.metadata.namespace}/${ref?.name ?? pod.metadata.labels?.[JOB_NAME] ?? ''}`;
}

/**
 * Runs pods until enough of them have succeeded ("Jobs"). Each ended pod is counted exactly once: a finalizer holds it
 * until its UID (or index) is in the status, and it enters the count when the finalizer is known to be gone.
 */
class JobController implements Controller {
  readonly name = 'job';
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #jobs;
  readonly #pods;
  readonly #family: Family<Job, Pod>;
  readonly #events;
  readonly #control: PodControl;
  readonly #written: KindWrites<Job>;
  readonly #released = new LastWritten<Pod>();
  /** Failures in a row, by the job's UID. */
  readonly #runs = new Map<string, FailureRun>();

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    const { client, informers } = deps;
    this.#written = new KindWrites(client, Jobs);
    this.#jobs = informers.informer(Jobs);
    this.#pods = informers.informer(Pods);
    this.#pods.addIndex(TRACKED, (p) => (isTracked(p) ? [jobKey(p) ?? []].flat() : []));
    this.#family = new Family<Job, Pod>({
      client,
      ownerKind: Jobs,
      owners: this.#jobs,
      childKind: Pods,
      children: this.#pods,
      selectorOf: (job) => compileLabelSelector(job.spec?.selector),
      finalizer: TRACKING,
    });
    this.#events = deps.events('job-controller');
    this.#control = new PodControl(client, this.#family.recent, this.#events);
    this.watches = [
      watching(Jobs, (job, _old, gone) => {
        if (gone) this.#forget(job);
        return ownKey(job);
      }),
      watching(Pods, (pod, old, gone) => this.#keysOf(pod, old, gone), { delayMs: GATHER_MS }),
    ];
  }

  async reconcile(key: string): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const cached = this.#jobs.lister.get(name, namespace);
    await this.#freeAbandoned(key, cached);
    if (!cached || (cached.spec?.managedBy ?? OWN_NAME) !== OWN_NAME) return undefined;
    const job = this.#written.freshest(cached);
    if (job.metadata.deletionTimestamp || isFinished(job)) return this.#settle(job);
    const { status, told } = startStatus({ job, pods: [], now: this.#deps.clock.now() });
    await this.#family.claimed(job);
    const outcome = await this.#advance(job, { ...job, status });
    if (told) this.#events.event(job, 'Normal', told, `Job ${told.toLowerCase()}`);
    return outcome;
  }

  /** What a job leaves that is over. */
  async #settle(job: Stored<Job>): Promise<Outcome> {
    const pods = this.#present(job);
    await this.#release(pods.filter(isTracked));
    // A job that has finished had no pod left: these were made by a predecessor whose last requests came late.
    const late = isFinished(job) ? pods.filter(isActive) : [];
    const failure = await this.#control.remove(job, late);
    if (failure) throw new Error(failure.message);
    return undefined;
  }

  /** @param job as stored; @param current with its start in the status */
  async #advance(job: Stored<Job>, current: Stored<Job>): Promise<Outcome> {
    const { uid } = job.metadata;
    const scene = this.#look(current);
    const tally = tallyOf(scene);
    const early = verdictOf(scene, tally);
    const run = failureRun(this.#runs.get(uid), tally);
    const acted = early ? await this.#wind(current, tally, early) : await this.#manage(scene, tally, run);
    const after = this.#look(current);
    const counted = tallyOf(after);
    const verdict = early ?? completion(current, counted);
    const leftOver = await this.#track(job, after, { tally: counted, verdict });
    if (acted.failure) throw new Error(acted.failure.message);
    const afterMs = verdict ? leftOver : Math.min(leftOver, acted.waitMs, deadlineIn(after));
    return Number.isFinite(afterMs) ? { afterMs: Math.max(1, afterMs) } : undefined;
  }

  /** The job ends before its pods do. Those of a job that failed are among its failures. */
  async #wind(
    job: Stored<Job>,
    t: Tally,
    verdict: Verdict,
  ): Promise<{ failure?: Failure | undefined; waitMs: number }> {
    if (verdict.type === 'SuccessCriteriaMet') await this.#release(t.active);
    return { failure: await this.#control.remove(job, t.active), waitMs: Number.POSITIVE_INFINITY };
  }

  async #manage(s: Scene, t: Tally, run: FailureRun): Promise<{ failure?: Failure | undefined; waitMs: number }> {
    const plan = planPods(s, t, run);
    // Without the finalizer first: a pod nobody needs any more is no failure.
    await this.#release(plan.remove);
    const removed = await this.#control.remove(s.job, plan.remove);
    const pods = plan.create.map((slot) => podFor(s.job, slot));
    const created = await this.#control.create(s.job, pods);
    return { failure: created ?? removed, waitMs: plan.waitMs };
  }

  /** Status, finalizers, counts: in this order, so that being killed in between loses or repeats nothing. */
  async #track(
    stored: Stored<Job>,
    s: Scene,
    { tally, verdict }: { tally: Tally; verdict: Verdict | undefined },
  ): Promise<number> {
    const going = leaving(s, tally, verdict);
    const noted = await this.#written.status(stored, trackingStatus(s, tally, { pods: going, verdict }));
    this.#count(s.job, tally, going);
    const { succeeded = [], failed = [] } = noted.status?.uncountedTerminatedPods ?? {};
    const uncounted = new Set([...succeeded, ...failed, ...going.map((p) => p.metadata.uid)]);
    await this.#release(s.pods.filter((p) => isTracked(p) && uncounted.has(p.metadata.uid)));
    const settled = settledStatus(noted.status ?? {});
    const final = verdict && finalStatus(settled, verdict, s.now);
    await this.#written.status(noted, final ?? settled);
    if (final && verdict) for (const note of endNotes(stored, final, verdict)) this.#events.event(stored, ...note);
    const left = tally.newlySucceeded.length + tally.newlyFailed.length > going.length && going.length > 0;
    return left ? GATHER_MS : Number.POSITIVE_INFINITY;
  }

  /** The pods that left count once towards the wait before the next one. */
  #count({ metadata: { uid } }: Stored<Job>, t: Tally, going: readonly Stored<Pod>[]): void {
    const left = new Set(going);
    const newlySucceeded = t.newlySucceeded.filter((p) => left.has(p));
    const newlyFailed = t.newlyFailed.filter((p) => left.has(p));
    this.#runs.set(uid, failureRun(this.#runs.get(uid), { ...t, newlySucceeded, newlyFailed }));
  }

  #present = (job: Stored<Job>): Stored<Pod>[] => this.#family.present(job).map((p) => this.#released.freshest(p));
  #look = (job: Stored<Job>): Scene => ({ job, pods: this.#present(job), now: this.#deps.clock.now() });

  /** Takes the finalizer from pods that have it. */
  async #release(pods: readonly Stored<Pod>[]): Promise<void> {
    await forEachLimited(pods.filter(isTracked), PARALLEL, async ({ metadata: { name, namespace = '', uid } }) => {
      const body = { metadata: { uid, '$deleteFromPrimitiveList/finalizers': [TRACKING] } };
      try {
        this.#released.wrote(await this.#deps.client.patch(Pods, { name, namespace }, { type: 'strategic', body }));
      } catch (e) {
        if (!isNotFound(e) && !isInvalid(e)) throw e;
      }
    });
  }

  /** Pods whose job is gone, or has another of its name in its place, are held by nobody. Asks live before it says so. */
  async #freeAbandoned(key: string, job: Stored<Job> | undefined): Promise<void> {
    const strangers = this.#pods.lister.byIndex(TRACKED, key).filter((p) => {
      const ref = controllerOf(p);
      return ref ? ref.uid !== job?.metadata.uid : !job;
    });
    if (strangers.length === 0) return;
    const { namespace, name } = splitKey(key);
    let uid: string | undefined;
    try {
      if (name) uid = (await this.#deps.client.get(Jobs, name, namespace)).metadata.uid;
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
    await this.#release(strangers.filter((p) => uid === undefined || controllerOf(p)?.uid !== uid));
  }

  #keysOf(pod: Stored<Pod>, old: Stored<Pod> | undefined, gone: boolean): readonly string[] {
    if (gone) this.#released.forget(pod.metadata.uid);
    const keys = this.#family.toKeys(pod, old, gone);
    const abandoned = isTracked(pod) && !controllerOf(pod) ? jobKey(pod) : undefined;
    return abandoned === undefined || keys.includes(abandoned) ? keys : [...keys, abandoned];
  }

  #forget({ metadata: { uid } }: Stored<Job>): void {
    this.#family.recent.forget(uid);
    this.#written.forget(uid);
    this.#runs.delete(uid);
  }
}

export const jobController = (deps: ControllerDeps): Controller => new JobController(deps);
