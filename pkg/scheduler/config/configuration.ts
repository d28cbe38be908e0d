import { readFileSync } from 'node:fs';
import { duplicate, invalid, notSupported } from '#api/meta/fielderrors.ts';
import { parseYaml } from '#client/yaml.ts';
import { UserError } from '#process/user-error.ts';
import { type ExtenderConfig, extendersOf } from './extenders.ts';
import { Fields, wrong } from './fields.ts';
import { type Profile, profileOf } from './profile.ts';

const API_VERSION = 'kubescheduler.config.k8s.io/v1';
const KIND = 'KubeSchedulerConfiguration';
export const DEFAULT_SCHEDULER = 'default-scheduler';

/** What is not given stays undefined: flags may say it. Durations in milliseconds. */
export interface LeaderElection {
  readonly leaderElect?: boolean | undefined;
  readonly leaseDurationMs?: number | undefined;
  readonly renewDeadlineMs?: number | undefined;
  readonly retryPeriodMs?: number | undefined;
  readonly resourceName?: string | undefined;
  readonly resourceNamespace?: string | undefined;
}

/** A KubeSchedulerConfiguration, checked, with defaults. */
export interface SchedulerConfiguration {
  readonly profiles: readonly Profile[];
  readonly backoff: { readonly initialMs: number; readonly maxMs: number };
  /** Those that may fail without harm come last. */
  readonly extenders: readonly ExtenderConfig[];
  readonly leaderElection: LeaderElection;
  /** clientConnection.kubeconfig */
  readonly kubeconfig?: string | undefined;
}

function backoffOf(file: Fields): SchedulerConfiguration['backoff'] {
  const initial = file.count('podInitialBackoffSeconds', { min: 1 }) ?? 1;
  const max = file.count('podMaxBackoffSeconds', { min: 1 }) ?? 10;
  if (max < initial) {
    const why = 'must be greater than or equal to podInitialBackoffSeconds';
    throw wrong(invalid('podMaxBackoffSeconds', max, why));
  }
  return { initialMs: initial * 1000, maxMs: max * 1000 };
}

function leaderElectionOf(fields: Fields | undefined): LeaderElection {
  if (!fields) return {};
  const election = {
    leaderElect: fields.flag('leaderElect'),
    leaseDurationMs: fields.durationMs('leaseDuration'),
    renewDeadlineMs: fields.durationMs('renewDeadline'),
    retryPeriodMs: fields.durationMs('retryPeriod'),
    resourceName: fields.text('resourceName'),
    resourceNamespace: fields.text('resourceNamespace'),
  };
  fields.choice('resourceLock', ['leases']);
  fields.done();
  const { leaseDurationMs: lease, renewDeadlineMs: renew } = election;
  if (lease !== undefined && renew !== undefined && lease <= renew) {
    throw new UserError(`${fields.at('leaseDuration')}: must be greater than renewDeadline`);
  }
  return election;
}

function kubeconfigOf(fields: Fields | undefined): string | undefined {
  const path = fields?.text('kubeconfig');
  fields?.ignore('acceptContentTypes', 'contentType', 'qps', 'burst');
  fields?.done();
  return path || undefined;
}

function profilesOf(file: Fields, ignoredResources: readonly string[]): Profile[] {
  const percentageOfNodesToScore = file.count('percentageOfNodesToScore', { min: 0, max: 100 }) ?? 0;
  const shared = { percentageOfNodesToScore, ignoredResources };
  const given = file.maps('profiles');
  if (given.length === 0) return [profileOf(new Fields({}, 'profiles[0]'), shared)];
  const profiles = given.map((fields) => profileOf(fields, shared));
  for (const [i, { schedulerName }] of profiles.entries()) {
    if (profiles.findIndex((p) => p.schedulerName === schedulerName) === i) continue;
    throw wrong(duplicate(`profiles[${i}].schedulerName`, schedulerName));
  }
  return profiles;
}

/** Understands a KubeSchedulerConfiguration (YAML or JSON). @throws UserError naming the field that is wrong */
export function parseConfiguration(text: string): SchedulerConfiguration {
  let content: unknown;
  try {
    content = parseYaml(text);
  } catch (e) {
    throw new UserError(`it is not valid YAML: ${(e as Error).message.split('\n')[0]}`);
  }
  const file = new Fields(content);
  for (const [name, value] of [
    ['apiVersion', API_VERSION],
    ['kind', KIND],
  ] as const) {
    const given = file.requiredText(name);
    if (given !== value) throw wrong(notSupported(name, given, [value]));
  }
  // How the API is spoken to, and how many nodes are looked at at once, is the process' own affair.
  file.count('parallelism', { min: 1 });
  file.ignore('enableProfiling', 'enableContentionProfiling', 'delayCacheUntilActive');
  const extenders = extendersOf(file.maps('extenders'));
  const ignored = extenders.flatMap((e) => e.managedResources.flatMap((r) => (r.ignoredByScheduler ? [r.name] : [])));
  const configuration = {
    profiles: profilesOf(file, ignored),
    backoff: backoffOf(file),
    extenders: [...extenders.filter((e) => !e.ignorable), ...extenders.filter((e) => e.ignorable)],
    leaderElection: leaderElectionOf(file.map('leaderElection')),
    kubeconfig: kubeconfigOf(file.map('clientConnection')),
  };
  file.done();
  return configuration;
}

/** What holds without a file. @param schedulerName whose pods are ours */
export const defaultConfiguration = (schedulerName = DEFAULT_SCHEDULER): SchedulerConfiguration =>
  parseConfiguration(JSON.stringify({ apiVersion: API_VERSION, kind: KIND, profiles: [{ schedulerName }] }));

/** @throws UserError in one sentence */
export function loadConfiguration(path: string): SchedulerConfiguration {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (e) {
    throw new UserError(`--config: cannot read ${path} (${(e as NodeJS.ErrnoException).code})`);
  }
  try {
    return parseConfiguration(text);
  } catch (e) {
    if (!(e instanceof UserError)) throw e;
    throw new UserError(`--config: ${path}: ${e.message}`);
  }
}
