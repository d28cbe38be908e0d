import { BASELINE } from './baseline.ts';
import type { Subject } from './checks.ts';
import { RESTRICTED } from './restricted.ts';

/** What the labels of a namespace begin with that name its standards. */
export const LABEL = 'pod-security.kubernetes.io/';

/** From the laxest to the strictest. */
export const LEVELS: readonly string[] = ['privileged', 'baseline', 'restricted'];

/** A level and the version of its rules, which a namespace asks for. */
export interface Standard {
  readonly level: string;
  /** "latest" or "v1.x"; one later than ours is the latest. */
  readonly version: string;
}

/** What is wrong with a pod by the rules of a standard: "reason (detail)", each once. */
export function violations({ level, version }: Standard, s: Subject): string[] {
  if (level === 'privileged') return [];
  const minor = minorOf(version);
  const isRestricted = level === 'restricted';
  // The latest version is later than any number, so a rule that is never replaced must not be asked for one.
  const rules = [
    ...BASELINE.filter((r) => !isRestricted || r.replacedSince === undefined || minor < r.replacedSince),
    ...(isRestricted ? RESTRICTED.filter((r) => minor >= r.since) : []),
  ];
  return rules.flatMap(({ check }) => check(s, minor) ?? []);
}

/** A version that makes no sense is taken for the latest, as in Kubernetes. */
function minorOf(version: string): number {
  const minor = /^v1\.(\d+)$/.exec(version)?.[1];
  return minor === undefined ? Number.POSITIVE_INFINITY : Number(minor);
}

type Labels = Readonly<Record<string, string>>;
export type Mode = 'enforce' | 'audit' | 'warn';

/**
 * What a namespace asks for in a mode. A level that makes no sense is enforced as the strictest and else passed over, as in
 * Kubernetes; without one for "warn", it is warned of what is enforced.
 */
export function standardOf(labels: Labels, mode: Mode): Standard {
  const level = labels[LABEL + mode];
  const version = labels[`${LABEL}${mode}-version`];
  if (mode === 'warn' && level === undefined) {
    const enforced = standardOf(labels, 'enforce');
    return version ? { ...enforced, version } : enforced;
  }
  const known = level === undefined || LEVELS.includes(level);
  const unknown = mode === 'enforce' ? 'restricted' : 'privileged';
  return { level: known ? (level ?? 'privileged') : unknown, version: version || 'latest' };
}

/** "restricted:latest" */
export const nameOf = ({ level, version }: Standard): string => `${level}:${version}`;
