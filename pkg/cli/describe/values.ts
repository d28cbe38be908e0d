import { humanDuration } from '#api/kinds/print/duration.ts';
import { formatLabelSelector } from '#api/meta/labels.ts';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import type { DescriptionWriter } from './writer.ts';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (n: number): string => String(n).padStart(2, '0');

/** RFC 1123 with the machine's offset from UTC: "Sat, 21 Nov 2026 04:00:00 +0000". */
export function timeText(time: string | undefined | null): string {
  if (!time) return '';
  const d = new Date(time);
  const offset = -d.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const clock = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  return `${DAYS[d.getDay()]}, ${two(d.getDate())} ${MONTHS[d.getMonth()]} ${d.getFullYear()} ${clock} ${zone}`;
}

/** Time since, in the short form of tables: "5m3s". */
export const since = (time: string | undefined | null, now: number): string =>
  time ? humanDuration(now - Date.parse(time)) : '<unknown>';

/** Kept by kubectl and cox for their own use: of no interest to a reader. */
const HIDDEN = new Set(['kubectl.kubernetes.io/last-applied-configuration']);
const MAX_ANNOTATION = 140;
const MAX_PART = MAX_ANNOTATION - 2;

/** Annotations; one that is long or has several lines stands below its name. */
export function annotations(w: DescriptionWriter, level: number, map: Record<string, string> | undefined): void {
  const entries = Object.entries(map ?? {})
    .filter(([k]) => !HIDDEN.has(k))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) {
    w.line(level, 'Annotations:', '<none>');
    return;
  }
  for (const [i, [k, v]] of entries.entries()) {
    const title = i === 0 ? 'Annotations:' : '';
    const value = v.replace(/\n$/, '');
    if (`${k}: ${value}`.length < MAX_ANNOTATION && !value.includes('\n')) {
      w.line(level, title, `${k}: ${value}`);
      continue;
    }
    w.line(level, title, `${k}:`);
    for (const part of value.split('\n')) {
      w.line(level, '', `  ${part.length > MAX_PART ? `${part.slice(0, MAX_PART)}...` : part}`);
    }
  }
}

/** Name, namespace, labels and annotations: the head of most descriptions. */
export function head(w: DescriptionWriter, o: KubeObject, namespaced = true): void {
  w.line(0, 'Name:', o.metadata?.name ?? '');
  if (namespaced) w.line(0, 'Namespace:', o.metadata?.namespace ?? '');
  w.map(0, 'Labels:', o.metadata?.labels);
  annotations(w, 0, o.metadata?.annotations);
}

/** A label selector as text; "<none>" for one that takes everything. */
export const selectorText = (s: Parameters<typeof formatLabelSelector>[0] | undefined): string =>
  formatLabelSelector(s ?? {}) || '<none>';

/** "a=b,c=d", everything in one line; "<none>" for an empty map. */
export const flatMap = (map: Readonly<Record<string, string>> | undefined): string =>
  Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${k}=${v}`)
    .join(',') || '<none>';

/** "ReplicaSet/web-5d4", of the owner that manages the object. */
export function controller(o: KubeObject): string | undefined {
  const owner = o.metadata?.ownerReferences?.find((r) => r.controller);
  return owner && `${owner.kind}/${owner.name}`;
}

/** "True" as Go prints a boolean with a capital, as kubectl shows it. */
export const capital = (v: boolean): string => (v ? 'True' : 'False');
