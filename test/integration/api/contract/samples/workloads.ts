import { jobTemplate, metric, type Sample, scaled, selector, template, workload } from './shared.ts';

/** What runs pods, and what watches over them. */
export const WORKLOADS: Readonly<Record<string, Sample>> = {
  'controllerrevisions.apps': { good: { data: { a: 1 }, revision: 1 }, bad: [['revision', -1, 'revision']] },
  'daemonsets.apps': {
    good: { spec: { selector, template } },
    bad: [
      ...workload,
      ['spec.updateStrategy', { type: 'Slowly' }, 'spec.updateStrategy'],
      ['spec.minReadySeconds', -1, 'spec.minReadySeconds'],
    ],
  },
  'deployments.apps': {
    good: { spec: { replicas: 0, selector, template } },
    bad: [
      ...workload,
      ['spec.replicas', -1, 'spec.replicas'],
      ['spec.strategy', { type: 'Slowly' }, 'spec.strategy'],
      [
        'spec.strategy',
        { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } },
        'spec.strategy.rollingUpdate.maxUnavailable',
      ],
      ['spec.revisionHistoryLimit', -1, 'spec.revisionHistoryLimit'],
      ['spec.progressDeadlineSeconds', 0, 'spec.progressDeadlineSeconds'],
    ],
  },
  'replicasets.apps': {
    good: { spec: { replicas: 0, selector, template } },
    bad: [...workload, ['spec.replicas', -1, 'spec.replicas']],
  },
  'statefulsets.apps': {
    good: { spec: { replicas: 0, serviceName: 's', selector, template } },
    bad: [
      ...workload,
      ['spec.replicas', -1, 'spec.replicas'],
      ['spec.podManagementPolicy', 'Random', 'spec.podManagementPolicy'],
    ],
  },
  'cronjobs.batch': {
    good: { spec: { schedule: '* * * * *', suspend: true, jobTemplate: { spec: { template: jobTemplate } } } },
    bad: [
      ['spec.schedule', 'soon', 'spec.schedule'],
      ['spec.schedule', '', 'spec.schedule'],
      ['spec.concurrencyPolicy', 'Perhaps', 'spec.concurrencyPolicy'],
      ['spec.startingDeadlineSeconds', -1, 'spec.startingDeadlineSeconds'],
      ['spec.timeZone', 'Mars/Olympus', 'spec.timeZone'],
      [
        'spec.jobTemplate.spec.template.spec.restartPolicy',
        'Always',
        'spec.jobTemplate.spec.template.spec.restartPolicy',
      ],
    ],
  },
  'jobs.batch': {
    good: { spec: { suspend: true, template: jobTemplate } },
    bad: [
      ['spec.parallelism', -1, 'spec.parallelism'],
      ['spec.completions', -1, 'spec.completions'],
      ['spec.backoffLimit', -1, 'spec.backoffLimit'],
      ['spec.completionMode', 'Half', 'spec.completionMode'],
      ['spec.template.spec.restartPolicy', 'Always', 'spec.template.spec.restartPolicy'],
    ],
  },
  'horizontalpodautoscalers.autoscaling': {
    good: { spec: { ...scaled, metrics: [metric({ type: 'Utilization', averageUtilization: 50 })] } },
    bad: [
      ['spec.maxReplicas', 0, 'spec.maxReplicas'],
      ['spec.minReplicas', 3, 'spec.maxReplicas'],
      ['spec.scaleTargetRef.kind', '', 'spec.scaleTargetRef.kind'],
      ['spec.metrics', [{ type: 'Magic' }], 'spec.metrics[0].type'],
    ],
  },
  'poddisruptionbudgets.policy': {
    good: { spec: { minAvailable: 1, selector } },
    bad: [
      ['spec.maxUnavailable', 1, 'spec'],
      ['spec.minAvailable', '120%', 'spec.minAvailable'],
      ['spec.minAvailable', -1, 'spec.minAvailable'],
    ],
  },
};
