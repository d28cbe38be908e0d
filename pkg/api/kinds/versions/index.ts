import type { Kind } from '../../kind.ts';
import { HorizontalPodAutoscalersV1 } from './autoscaler.ts';
import { EndpointSlicesV1Beta1 } from './endpointslice.ts';
import { EventsV1 } from './event.ts';
import { CronJobsV1Beta1, HorizontalPodAutoscalersV2Beta2, PodDisruptionBudgetsV1Beta1 } from './same-shape.ts';

/** Further versions of built-in kinds: views of the same stored objects. */
export const furtherVersions = [
  EventsV1,
  HorizontalPodAutoscalersV1,
  HorizontalPodAutoscalersV2Beta2,
  EndpointSlicesV1Beta1,
  CronJobsV1Beta1,
  PodDisruptionBudgetsV1Beta1,
] as unknown as readonly Kind[];
