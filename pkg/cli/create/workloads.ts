import type { KubeObject } from '#api/meta/objectmeta.ts';
import { pathOf } from '../api/discovery.ts';
import { CliError } from '../errors.ts';
import { type Generator, type GeneratorInput, list, required, text, whole } from './generator.ts';

/** The last word of an image without tag and digest: what its container is called. */
function containerName(image: string): string {
  const base = image.split('/').at(-1) ?? image;
  return (base.split(/[:@]/)[0] ?? base)
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .replace(/^-+|-+$/g, '');
}

function deploymentOf(i: GeneratorInput): KubeObject {
  const images = list(i, 'image');
  if (images.length === 0) throw new CliError('required flag(s) "image" not set');
  if (images.length > 1 && i.command.length > 0)
    throw new CliError('cannot specify multiple --image options and command');
  const port = text(i, 'port');
  const labels = { app: i.name };
  const containers = images.map((image) => ({
    image,
    name: containerName(image),
    ...(i.command.length > 0 ? { command: [...i.command] } : {}),
    ...(port ? { ports: [{ containerPort: whole(port, 'port') }] } : {}),
    resources: {},
  }));
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: i.name, labels },
    spec: {
      replicas: whole(text(i, 'replicas') ?? '1', 'replicas'),
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
    },
  } as KubeObject;
}

const podOf = (i: GeneratorInput, image: string, restartPolicy: string) => ({
  spec: {
    restartPolicy,
    containers: [{ name: i.name, image, ...(i.command.length > 0 ? { command: [...i.command] } : {}), resources: {} }],
  },
});

async function jobOf(i: GeneratorInput): Promise<KubeObject> {
  const from = text(i, 'from');
  const image = text(i, 'image');
  if (!from === !image) throw new CliError('either --image or --from must be specified');
  if (image) {
    const spec = { template: podOf(i, image, 'Never') };
    return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: i.name }, spec } as KubeObject;
  }
  return jobFromCronJob(i, from ?? '');
}

interface CronJobLike extends KubeObject {
  spec: { jobTemplate: { metadata?: Record<string, unknown>; spec: unknown } };
}

async function jobFromCronJob(i: GeneratorInput, from: string): Promise<KubeObject> {
  const [type = '', name = ''] = from.split('/');
  const resource = await (await i.ctx.discovery()).find(type);
  if (resource.plural !== 'cronjobs' || !name)
    throw new CliError('from must be an existing cronjob: --from=cronjob/NAME');
  const cron = await i.ctx.rest.json<CronJobLike>({ path: pathOf(resource, i.ctx.namespace, name) });
  const { annotations, labels } = (cron.spec.jobTemplate.metadata ?? {}) as { annotations?: object; labels?: object };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: i.name,
      annotations: { ...annotations, 'cronjob.kubernetes.io/instantiate': 'manual' },
      ...(labels ? { labels } : {}),
      ownerReferences: [
        { apiVersion: 'batch/v1', kind: 'CronJob', name, uid: cron.metadata?.uid ?? '', controller: true },
      ],
    },
    spec: cron.spec.jobTemplate.spec,
  } as KubeObject;
}

function cronJobOf(i: GeneratorInput): KubeObject {
  const image = required(i, 'image', 'image');
  const schedule = required(i, 'schedule', 'schedule');
  const jobTemplate = {
    metadata: { name: i.name },
    spec: { template: podOf(i, image, text(i, 'restart') || 'OnFailure') },
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: i.name },
    spec: { schedule, jobTemplate },
  } as KubeObject;
}

/** Generators of what runs pods. */
export const workloads: readonly Generator[] = [
  {
    name: 'deployment',
    aliases: ['deploy'],
    description: 'Make a Deployment: cox create deployment web --image=nginx --replicas=3',
    flags: [
      ['--image <image>', 'image to run; repeatable', 'list'],
      ['--port <port>', 'port its containers listen on'],
      ['-r, --replicas <n>', 'how many pods'],
    ],
    make: deploymentOf,
  },
  {
    name: 'job',
    description: 'Make a Job: cox create job once --image=busybox -- date',
    flags: [
      ['--image <image>', 'image to run'],
      ['--from <cronjob>', 'cronjob/NAME to take the template of'],
    ],
    make: jobOf,
  },
  {
    name: 'cronjob',
    aliases: ['cj'],
    description: 'Make a CronJob: cox create cronjob tick --image=busybox --schedule="*/5 * * * *" -- date',
    flags: [
      ['--image <image>', 'image to run'],
      ['--schedule <cron>', 'when, in cron format'],
      ['--restart <policy>', 'OnFailure or Never'],
    ],
    make: cronJobOf,
  },
];
