import { type CronJob, type CronJobStatus, CronJobs, type Job, Jobs } from '#api/kinds/index.ts';
import { isAlreadyExists, isNotFound } from '#api/meta/errors.ts';
import type { Stored } from '#api/meta/objectmeta.ts';
import { apiTime } from '#api/meta/time.ts';
import {
  type Controller,
  type ControllerDeps,
  type Outcome,
  ownKey,
  splitKey,
  type Watch,
  watching,
} from '../harness/controller.ts';
import { byController, type Lookup } from '../harness/indexes.ts';
import { KindWrites } from '../harness/kind-writes.ts';
import { RecentWrites } from '../harness/recent-writes.ts';
import { controllerKeys, controllerOf } from '../ownership/controller-ref.ts';
import { isNamespaceTerminating } from '../pods/create-error.ts';
import { messageOf } from '../pods/pod-control.ts';
import { jobFor, planStart, refTo, review, surplusHistory } from './plan.ts';

/** Timers cannot run longer than some weeks; a day is a good time to look again. */
const LONGEST_MS = 24 * 3600_000;

/** Starts jobs at the times of a schedule, and tidies up after them ("CronJob"). */
class CronJobController implements Controller {
  readonly name = 'cronjob';
  readonly watches: readonly Watch[];
  readonly #deps: ControllerDeps;
  readonly #cronJobs;
  readonly #jobsOf: Lookup<Job>;
  readonly #recent: RecentWrites<Job>;
  readonly #written: KindWrites<CronJob>;
  readonly #events;

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#written = new KindWrites(deps.client, CronJobs);
    this.#cronJobs = deps.informers.informer(CronJobs);
    const jobs = deps.informers.informer(Jobs);
    this.#jobsOf = byController(jobs);
    this.#recent = new RecentWrites(jobs);
    this.#events = deps.events('cronjob-controller');
    this.watches = [
      watching(CronJobs, (cj, _old, gone) => {
        if (!gone) return ownKey(cj);
        this.#recent.forget(cj.metadata.uid);
        this.#written.forget(cj.metadata.uid);
        return [];
      }),
      watching(Jobs, (job) => controllerKeys(job, CronJobs)),
    ];
  }

  async reconcile(key: string): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const cached = this.#cronJobs.lister.get(name, namespace);
    if (!cached) return undefined;
    const stored = this.#written.freshest(cached);
    const jobs = this.#recent.overlay(stored.metadata.uid, this.#jobsOf(stored.metadata.uid));
    const status = await this.#reviewed(stored, jobs);
    const now = this.#deps.clock.now();
    const start = planStart({ ...stored, status }, status.active?.length ?? 0, now);
    for (const note of start.notes) this.#events.event(stored, ...note);
    const next =
      start.at === undefined ? status : await this.#start(stored, { status, at: start.at, replace: !!start.replace });
    await this.#write(stored, next);
    for (const job of surplusHistory(stored, jobs)) await this.#delete(stored, job.metadata);
    return start.next === undefined ? undefined : { afterMs: Math.min(LONGEST_MS, Math.max(1, start.next - now)) };
  }

  /** The status without jobs that have ended or are gone. */
  async #reviewed(cj: Stored<CronJob>, jobs: readonly Stored<Job>[]): Promise<CronJobStatus> {
    const { status, notes, unseen } = review(cj, jobs);
    for (const note of notes) this.#events.event(cj, ...note);
    const missing = new Set<string>();
    for (const ref of (status.active ?? []).filter((r) => unseen.includes(r.uid ?? ''))) {
      const live = await this.#live(ref.name ?? '', cj.metadata.namespace);
      if (live?.metadata.uid === ref.uid) continue;
      missing.add(ref.uid ?? '');
      this.#events.event(cj, 'Normal', 'MissingJob', `Active job went missing: ${ref.name}`);
    }
    return { ...status, active: status.active?.filter((r) => !missing.has(r.uid ?? '')) };
  }

  async #live(name: string, namespace: string | undefined): Promise<Stored<Job> | undefined> {
    try {
      return await this.#deps.client.get(Jobs, name, namespace);
    } catch (e) {
      if (isNotFound(e)) return undefined;
      throw e;
    }
  }

  /** @returns the status that knows of the start. */
  async #start(
    cj: Stored<CronJob>,
    { status, at, replace }: { status: CronJobStatus; at: number; replace: boolean },
  ): Promise<CronJobStatus> {
    let active = status.active ?? [];
    if (replace) {
      for (const { name = '', uid = '' } of active)
        await this.#delete(cj, { name, uid, namespace: cj.metadata.namespace });
      active = [];
    }
    const job = await this.#create(cj, at);
    if (!job) return { ...status, active };
    return { ...status, active: [...active, refTo(job)], lastScheduleTime: apiTime(at) };
  }

  async #create(cj: Stored<CronJob>, at: number): Promise<Stored<Job> | undefined> {
    const wanted = jobFor(cj, at);
    try {
      const job = await this.#deps.client.create(Jobs, wanted);
      this.#recent.created(cj.metadata.uid, job);
      this.#events.event(cj, 'Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`);
      return job;
    } catch (e) {
      if (isNamespaceTerminating(e)) return undefined;
      // Started by a predecessor that could not write it down any more.
      if (isAlreadyExists(e)) {
        const there = await this.#live(wanted.metadata?.name ?? '', cj.metadata.namespace);
        if (there && controllerOf(there)?.uid === cj.metadata.uid) return there;
      }
      this.#events.event(cj, 'Warning', 'FailedCreate', `Error creating job: ${messageOf(e)}`);
      throw e;
    }
  }

  async #delete(
    cj: Stored<CronJob>,
    job: { name: string; uid: string; namespace?: string | undefined },
  ): Promise<void> {
    try {
      const options = { preconditions: { uid: job.uid }, propagationPolicy: 'Background' } as const;
      await this.#deps.client.delete(Jobs, job.name, job.namespace, options);
      this.#events.event(cj, 'Normal', 'SuccessfulDelete', `Deleted job ${job.name}`);
    } catch (e) {
      if (!isNotFound(e)) {
        this.#events.event(cj, 'Warning', 'FailedDelete', `Deleted job: ${messageOf(e)}`);
        throw e;
      }
    }
    this.#recent.deleted(cj.metadata.uid, job.uid);
  }

  async #write(cj: Stored<CronJob>, { active, ...rest }: CronJobStatus): Promise<void> {
    const status = active?.length ? { ...rest, active } : rest;
    await this.#written.status(cj, status);
  }
}

export const cronJobController = (deps: ControllerDeps): Controller => new CronJobController(deps);
