import type { KubeObject } from '#api/meta/objectmeta.ts';
import { parseLabelSelector } from '#api/meta/selector-text.ts';
import { CliError } from '../errors.ts';
import { type Generator, type GeneratorInput, list, pair, required, text, whole } from './generator.ts';

function quotaOf(i: GeneratorInput): KubeObject {
  const hard = Object.fromEntries(list(i, 'hard').map((h) => pair(h, 'hard')));
  const scopes = list(i, 'scopes');
  const spec = { ...(Object.keys(hard).length > 0 ? { hard } : {}), ...(scopes.length > 0 ? { scopes } : {}) };
  return { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: i.name }, spec } as KubeObject;
}

const amount = (v: string): number | string => (/^\d+$/.test(v) ? Number(v) : v);

function disruptionBudgetOf(i: GeneratorInput): KubeObject {
  const minAvailable = text(i, 'minAvailable');
  const maxUnavailable = text(i, 'maxUnavailable');
  if (!minAvailable && !maxUnavailable) throw new CliError('one of min-available or max-unavailable must be specified');
  if (minAvailable && maxUnavailable) throw new CliError('min-available and max-unavailable cannot be both specified');
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: i.name },
    spec: {
      ...(minAvailable ? { minAvailable: amount(minAvailable) } : { maxUnavailable: amount(maxUnavailable ?? '') }),
      selector: selectorOf(required(i, 'selector', 'selector')),
    },
  } as KubeObject;
}

/** A selector's text as the object form: equality becomes matchLabels, the rest expressions. */
function selectorOf(text: string): Record<string, unknown> {
  const matchLabels: Record<string, string> = {};
  const matchExpressions: unknown[] = [];
  for (const r of parseLabelSelector(text).requirements) {
    const [only] = r.values;
    if ((r.operator === 'In' || r.operator === 'Equals') && r.values.length === 1 && only !== undefined)
      matchLabels[r.key] = only;
    else
      matchExpressions.push({ key: r.key, operator: r.operator, ...(r.values.length > 0 ? { values: r.values } : {}) });
  }
  return {
    ...(Object.keys(matchLabels).length > 0 ? { matchLabels } : {}),
    ...(matchExpressions.length > 0 ? { matchExpressions } : {}),
  };
}

const priorityClassOf = (i: GeneratorInput): KubeObject =>
  ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: i.name },
    value: whole(text(i, 'value') ?? '0', 'value'),
    ...(i.flags.globalDefault ? { globalDefault: true } : {}),
    ...(text(i, 'description') ? { description: text(i, 'description') } : {}),
    preemptionPolicy: text(i, 'preemptionPolicy') ?? 'PreemptLowerPriority',
  }) as KubeObject;

/** Generators of namespaces and the limits in and between them. */
export const policy: readonly Generator[] = [
  {
    name: 'namespace',
    aliases: ['ns'],
    description: 'Make a namespace',
    flags: [],
    make: (i) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: i.name } }) as KubeObject,
  },
  {
    name: 'quota',
    aliases: ['resourcequota'],
    description: 'Make a ResourceQuota: cox create quota small --hard=pods=10,cpu=2',
    flags: [
      ['--hard <amounts>', 'resource=amount, comma-separated', 'list'],
      ['--scopes <scopes>', 'which pods count', 'list'],
    ],
    make: quotaOf,
  },
  {
    name: 'poddisruptionbudget',
    aliases: ['pdb'],
    description: 'Make a PodDisruptionBudget: cox create pdb web --selector=app=web --min-available=50%',
    flags: [
      ['--min-available <n>', 'number or percentage that must stay'],
      ['--max-unavailable <n>', 'number or percentage that may be away'],
      ['--selector <labels>', 'pods it is about'],
    ],
    make: disruptionBudgetOf,
  },
  {
    name: 'priorityclass',
    aliases: ['pc'],
    description: 'Make a PriorityClass: cox create priorityclass high --value=1000',
    flags: [
      ['--value <n>', 'the priority'],
      ['--global-default', 'of pods that name none', 'switch'],
      ['--description <text>', 'when to use it'],
      ['--preemption-policy <policy>', 'PreemptLowerPriority or Never'],
    ],
    make: priorityClassOf,
  },
];
