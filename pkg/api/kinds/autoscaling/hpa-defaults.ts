import { copyJson } from '../../meta/copy.ts';
import type { HorizontalPodAutoscaler, HPAScalingRules } from './horizontalpodautoscaler.ts';

const CPU_TARGET_PERCENT = 80;

const UP: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const DOWN: HPAScalingRules = {
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

const filled = (rules: HPAScalingRules | undefined, preset: HPAScalingRules): HPAScalingRules => ({
  ...copyJson(preset),
  ...rules,
});

/** Without metrics: four fifths of the requested CPU. A behavior that is begun is completed. */
export function defaultAutoscaler(o: HorizontalPodAutoscaler): void {
  const { spec } = o;
  if (!spec) return;
  if (!spec.metrics?.length) {
    spec.metrics = [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: CPU_TARGET_PERCENT } },
      },
    ];
  }
  if (spec.behavior) {
    spec.behavior.scaleUp = filled(spec.behavior.scaleUp, UP);
    spec.behavior.scaleDown = filled(spec.behavior.scaleDown, DOWN);
  }
}
