import { defineKind, topLevel } from '../../../kind.ts';
import { sameJson } from '../../../meta/equal.ts';
import { duplicate, type FieldError, forbidden, invalid } from '../../../meta/fielderrors.ts';
import { familyOf } from '../../../meta/ip.ts';
import { labelValue, qualifiedName } from '../../../meta/names.ts';
import { f, type TypeOf } from '../../../schema/schema.ts';
import { cidr, invalidFor, isCidr, oneOfRequired } from '../../check/check.ts';
import { dropDisabledFields } from '../../disabled-fields.ts';
import { ageColumn, column, NONE, nameColumn, UNKNOWN, wide } from '../../print/columns.ts';
import { TAINT_EFFECTS } from '../pod/scheduling-validation.ts';
import type { Taint } from './spec.ts';
import { NodeSpec } from './spec.ts';
import { NodeStatus } from './status.ts';

const PKG = 'io.k8s.api.core.v1';

export const NodeSchema = topLevel(PKG, 'Node', 'A machine that runs pods.', {
  spec: f(2, NodeSpec, 'How it shall be used.'),
  status: f(3, NodeStatus, 'What its agent reports.', { default: {} }),
});
export type Node = TypeOf<typeof NodeSchema>;

const ROLE_PREFIX = 'node-role.kubernetes.io/';
const ROLE_LABEL = 'kubernetes.io/role';

function validateTaints(taints: readonly Taint[] | undefined): FieldError[] {
  const seen = new Set<string>();
  return (taints ?? []).flatMap((t, i) => {
    const path = `spec.taints[${i}]`;
    const found = [
      ...invalidFor(`${path}.key`, t.key, qualifiedName(t.key)),
      ...invalidFor(`${path}.value`, t.value ?? '', labelValue(t.value ?? '')),
      ...oneOfRequired(`${path}.effect`, t.effect, TAINT_EFFECTS),
    ];
    const key = `${t.key}:${t.effect}`;
    if (seen.has(key)) found.push({ ...duplicate(path, t), message: duplicateTaint(t) });
    seen.add(key);
    return found;
  });
}

const duplicateTaint = (t: Taint): string =>
  `${duplicate('', t).message}: taints must be unique by key and effect pair`;

function validateNode(o: Node, old?: Node): FieldError[] {
  const found = validateTaints(o.spec?.taints);
  for (const [i, c] of (o.spec?.podCIDRs ?? []).entries()) found.push(...cidr(`spec.podCIDRs[${i}]`, c));
  const cidrs = (o.spec?.podCIDRs ?? []).filter(isCidr);
  if (new Set(cidrs.map(familyOf)).size < cidrs.length) {
    found.push(invalid('spec.podCIDRs', o.spec?.podCIDRs, 'may specify no more than one CIDR for each IP family'));
  }
  if (!old) return found;
  for (const k of ['podCIDRs', 'providerID'] as const) {
    const before = old.spec?.[k];
    if (before !== undefined && before.length > 0 && !sameJson(o.spec?.[k], before)) {
      const name = k === 'podCIDRs' ? 'podCIDR' : k;
      found.push(forbidden(`spec.${k}`, `node updates may not change ${name} except from "" to valid`));
    }
  }
  return found;
}

function defaultNode(o: Node): void {
  if (o.status?.capacity && !o.status.allocatable) o.status.allocatable = { ...o.status.capacity };
  const { spec } = o;
  // What is older wins: who knows only that has changed it.
  if (spec?.podCIDR && spec.podCIDRs?.[0] !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR];
  else if (spec?.podCIDRs?.[0] && !spec.podCIDR) spec.podCIDR = spec.podCIDRs[0];
}

function statusText(o: Node): string {
  const ready = o.status?.conditions?.find((c) => c.type === 'Ready');
  const word = ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown';
  return o.spec?.unschedulable ? `${word},SchedulingDisabled` : word;
}

function rolesText(o: Node): string {
  const roles = new Set<string>();
  for (const [k, v] of Object.entries(o.metadata?.labels ?? {})) {
    if (k.startsWith(ROLE_PREFIX) && k.length > ROLE_PREFIX.length) roles.add(k.slice(ROLE_PREFIX.length));
    else if (k === ROLE_LABEL && v) roles.add(v);
  }
  return [...roles].sort().join(',') || NONE;
}

const addressOf = (o: Node, type: string): string => o.status?.addresses?.find((a) => a.type === type)?.address || NONE;

/** The same address of the same type is named once. */
function validateAddresses({ status }: Node): FieldError[] {
  const seen = new Set<string>();
  return (status?.addresses ?? []).flatMap((a, i) => {
    const key = `${a.type} ${a.address}`;
    if (seen.has(key)) return [duplicate(`status.addresses[${i}]`, a)];
    seen.add(key);
    return [];
  });
}

export const Nodes = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  namespaced: false,
  hasStatus: true,
  hasGeneration: false,
  subresources: ['proxy'],
  schema: NodeSchema,
  defaults: defaultNode,
  // A configuration that is an object of the API is no more since v1.24 (DynamicKubeletConfig).
  prepareCreate: ({ spec }) => dropDisabledFields(spec, undefined, ['configSource']),
  prepareUpdate: ({ spec }, old) => dropDisabledFields(spec, old.spec, ['configSource']),
  prepareStatus: ({ status }, old) => {
    dropDisabledFields(status, old.status, ['config']);
    if (status?.capacity) status.allocatable ??= { ...status.capacity };
  },
  validateStatus: validateAddresses,
  validate: validateNode,
  fields: { 'spec.unschedulable': (o) => String(o.spec?.unschedulable ?? false) },
  columns: [
    nameColumn,
    column('Status', 'Whether it runs pods.', statusText),
    column('Roles', 'What it is for.', rolesText),
    ageColumn,
    column('Version', 'Version of its agent.', (o) => o.status?.nodeInfo?.kubeletVersion ?? ''),
    wide(column('Internal-IP', 'Its address inside.', (o) => addressOf(o, 'InternalIP'))),
    wide(column('External-IP', 'Its address outside.', (o) => addressOf(o, 'ExternalIP'))),
    wide(column('OS-Image', 'Its operating system.', (o) => o.status?.nodeInfo?.osImage || UNKNOWN)),
    wide(column('Kernel-Version', 'Its kernel.', (o) => o.status?.nodeInfo?.kernelVersion || UNKNOWN)),
    wide(column('Container-Runtime', 'Its runtime.', (o) => o.status?.nodeInfo?.containerRuntimeVersion || UNKNOWN)),
  ],
});
