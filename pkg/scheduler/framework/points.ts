import type { Plugin } from './plugin.ts';

/** Where plugins come in, as KubeSchedulerConfiguration names it. */
export const POINTS = [
  ...['preEnqueue', 'queueSort', 'preFilter', 'filter', 'postFilter', 'preScore', 'score'],
  ...['reserve', 'permit', 'preBind', 'bind', 'postBind'],
] as const;
export type Point =
  | 'preEnqueue'
  | 'queueSort'
  | 'preFilter'
  | 'filter'
  | 'postFilter'
  | 'preScore'
  | 'score'
  | 'reserve'
  | 'permit'
  | 'preBind'
  | 'bind'
  | 'postBind';

/** The plugin with no more than what it does at some points, and with another weight. */
export function restricted(plugin: Plugin, points: ReadonlySet<Point>, weight: number): Plugin {
  const { name, wakesOn, holdBack } = plugin;
  const scores = points.has('score') && weight > 0;
  return {
    name,
    wakesOn,
    weight: scores ? weight : 0,
    ...(holdBack && points.has('preEnqueue') ? { holdBack: (pod) => holdBack(pod) } : {}),
    prepare(pod, state) {
      if (!scores && !points.has('filter') && !points.has('preFilter')) return null;
      const p = plugin.prepare(pod, state);
      if (!p) return null;
      const { reject, only, filter, weigh, score, normalize } = p;
      return {
        ...(points.has('preFilter') && reject !== undefined ? { reject } : {}),
        ...(points.has('preFilter') && only ? { only } : {}),
        ...(points.has('filter') && filter ? { filter } : {}),
        ...(scores && weigh ? { weigh } : {}),
        ...(scores && score ? { score } : {}),
        ...(scores && normalize ? { normalize } : {}),
      };
    },
  };
}
