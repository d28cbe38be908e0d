import type { CronJob, Job } from '#api/kinds/index.ts';
import { humanDuration } from '#api/kinds/print/duration.ts';
import { annotations, capital, controller, head, selectorText, timeText } from './values.ts';
import { podTemplate } from './workloads.ts';
import type { DescriptionWriter } from './writer.ts';

const orUnset = (v: number | string | undefined): number | string => v ?? '<unset>';

function times(w: DescriptionWriter, { spec, status }: Job): void {
  if (status?.startTime) w.line(0, 'Start Time:', timeText(status.startTime));
  if (status?.completionTime) w.line(0, 'Completed At:', timeText(status.completionTime));
  if (status?.startTime && status.completionTime)
    w.line(0, 'Duration:', humanDuration(Date.parse(status.completionTime) - Date.parse(status.startTime)));
  if (spec?.activeDeadlineSeconds !== undefined)
    w.line(0, 'Active Deadline Seconds:', `${spec.activeDeadlineSeconds}s`);
}

export function describeJob(w: DescriptionWriter, job: Job): void {
  const { metadata, spec, status } = job;
  w.line(0, 'Name:', metadata?.name ?? '');
  w.line(0, 'Namespace:', metadata?.namespace ?? '');
  if (spec?.selector) w.line(0, 'Selector:', selectorText(spec.selector));
  w.map(0, 'Labels:', metadata?.labels);
  annotations(w, 0, metadata?.annotations);
  const owner = controller(job);
  if (owner) w.line(0, 'Controlled By:', owner);
  w.line(0, 'Parallelism:', orUnset(spec?.parallelism));
  w.line(0, 'Completions:', orUnset(spec?.completions));
  if (spec?.completionMode) w.line(0, 'Completion Mode:', spec.completionMode);
  if (spec?.suspend !== undefined) w.line(0, 'Suspend:', String(spec.suspend));
  if (spec?.backoffLimit !== undefined) w.line(0, 'Backoff Limit:', spec.backoffLimit);
  if (spec?.ttlSecondsAfterFinished !== undefined)
    w.line(0, 'TTL Seconds After Finished:', spec.ttlSecondsAfterFinished);
  times(w, job);
  const ready = status?.ready === undefined ? '' : ` (${status.ready} Ready)`;
  w.line(
    0,
    'Pods Statuses:',
    `${status?.active ?? 0} Active${ready} / ${status?.succeeded ?? 0} Succeeded / ${status?.failed ?? 0} Failed`,
  );
  if (spec?.completionMode === 'Indexed') w.line(0, 'Completed Indexes:', status?.completedIndexes || '<none>');
  podTemplate(w, spec?.template ?? {});
}

export function describeCronJob(w: DescriptionWriter, { metadata, spec, status }: CronJob): void {
  head(w, { metadata: metadata ?? {} });
  w.line(0, 'Schedule:', spec?.schedule ?? '');
  w.line(0, 'Concurrency Policy:', spec?.concurrencyPolicy ?? '');
  w.line(0, 'Suspend:', capital(spec?.suspend ?? false));
  w.line(0, 'Successful Job History Limit:', orUnset(spec?.successfulJobsHistoryLimit));
  w.line(0, 'Failed Job History Limit:', orUnset(spec?.failedJobsHistoryLimit));
  const deadline = spec?.startingDeadlineSeconds;
  w.line(0, 'Starting Deadline Seconds:', deadline === undefined ? '<unset>' : `${deadline}s`);
  const job = spec?.jobTemplate?.spec;
  w.line(0, 'Selector:', job?.selector ? selectorText(job.selector) : '<unset>');
  w.line(0, 'Parallelism:', orUnset(job?.parallelism));
  w.line(0, 'Completions:', orUnset(job?.completions));
  if (job?.activeDeadlineSeconds !== undefined) w.line(0, 'Active Deadline Seconds:', `${job.activeDeadlineSeconds}s`);
  podTemplate(w, job?.template ?? {});
  w.line(0, 'Last Schedule Time:', status?.lastScheduleTime ? timeText(status.lastScheduleTime) : '<unset>');
  const active = (status?.active ?? []).map((a) => a.name ?? '');
  w.line(0, 'Active Jobs:', active.join(', ') || '<none>');
}
