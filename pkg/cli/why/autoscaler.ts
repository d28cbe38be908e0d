import type { HorizontalPodAutoscaler } from '#api/kinds/index.ts';
import type { Answer } from './answer.ts';

/** Why a HorizontalPodAutoscaler does not scale; undefined when it does what its metrics ask for. */
export function whyAutoscaler({ metadata, spec, status }: HorizontalPodAutoscaler): Answer | undefined {
  const { name = '' } = metadata ?? {};
  const { kind = '', name: target = '' } = spec?.scaleTargetRef ?? {};
  const object = `${kind.toLowerCase()}/${target}`;
  const is = (type: string, wanted: string) => status?.conditions?.find((c) => c.type === type && c.status === wanted);
  const unable = is('AbleToScale', 'False');
  if (unable)
    return {
      because: `it cannot scale ${object}`,
      evidence: [`${unable.reason}: ${unable.message}`],
      next: `cox get ${object}`,
    };
  const inactive = is('ScalingActive', 'False');
  if (inactive?.reason === 'ScalingDisabled')
    return {
      because: `${object} is scaled to 0, and it leaves it so`,
      evidence: [inactive.message ?? ''],
      next: `cox scale ${object} --replicas=1`,
    };
  if (inactive)
    return {
      because: `it knows too little of what the pods of ${object} use`,
      evidence: [`${inactive.reason}: ${inactive.message}`],
      next: 'cox top pods',
    };
  const limited = is('ScalingLimited', 'True');
  if (limited?.reason === 'TooManyReplicas')
    return {
      because: `it wants more pods than its maximum of ${spec?.maxReplicas}`,
      evidence: [`${status?.currentReplicas ?? 0} pods now`, limited.message ?? ''],
      next: `cox edit hpa ${name}`,
    };
  return undefined;
}
