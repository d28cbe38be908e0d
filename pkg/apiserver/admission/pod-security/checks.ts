import type { Pod } from '#api/kinds/index.ts';
import type { ObjectMeta } from '#api/meta/objectmeta.ts';

type PodSpec = NonNullable<Pod['spec']>;
export type Container = PodSpec['containers'][number];
export type Volume = NonNullable<PodSpec['volumes']>[number];

/** The part of a pod, or of a template of pods, that the standards speak of. */
export interface Subject {
  readonly metadata: ObjectMeta | undefined;
  readonly spec: PodSpec;
  /** Init, plain and ephemeral containers. */
  readonly containers: readonly Container[];
}

export const subjectOf = (o: { metadata?: ObjectMeta; spec?: PodSpec }): Subject | undefined =>
  o.spec && {
    metadata: o.metadata,
    spec: o.spec,
    containers: [
      ...((o.spec.initContainers ?? []) as Container[]),
      ...(o.spec.containers ?? []),
      ...((o.spec.ephemeralContainers ?? []) as Container[]),
    ],
  };

/**
 * One rule of the Pod Security Standards.
 * @param minor the version of the rules, as the minor of Kubernetes 1.x; Infinity: the latest
 * @returns what is wrong: "reason (detail)"; undefined when nothing is
 */
export type Check = (s: Subject, minor: number) => string | undefined;

const quoted = (names: readonly string[]): string => names.map((n) => `"${n}"`).join(', ');
const those = (noun: string, names: readonly string[]): string =>
  `${names.length === 1 ? noun : `${noun}s`} ${quoted(names)}`;
export const containers = (names: readonly string[]): string => those('container', names);
export const volumes = (names: readonly string[]): string => those('volume', names);
export const list = quoted;

/** "reason (detail)" if there is any detail. */
export const because = (reason: string, details: readonly (string | undefined | false)[]): string | undefined => {
  const given = details.filter((d): d is string => Boolean(d));
  return given.length > 0 ? `${reason} (${given.join('; ')})` : undefined;
};

/** Names of the containers that match, and what to say of them. */
export function offenders(s: Subject, bad: (c: Container) => boolean, words: string): string | undefined {
  const names = s.containers.filter(bad).map((c) => c.name);
  return names.length > 0 ? `${containers(names)} ${words}` : undefined;
}

/** What a restricted pod may set for all or for each container: those for which neither says the right thing. */
export function unset<T>(
  s: Subject,
  podValue: T | undefined,
  of: (c: Container) => T | undefined,
  good: (v: T) => boolean,
): { pod: boolean; wrong: string[]; missing: string[] } {
  const podGood = podValue !== undefined && good(podValue);
  const wrong: string[] = [];
  const missing: string[] = [];
  for (const c of s.containers) {
    const value = of(c);
    if (value === undefined) {
      if (!podGood) missing.push(c.name);
    } else if (!good(value)) wrong.push(c.name);
  }
  return { pod: podValue !== undefined && !podGood, wrong, missing: podValue === undefined ? missing : [] };
}
