import { expect, test } from 'vitest';
import type { Kind } from '#api/kind.ts';
import { CertificateSigningRequests, CSINodes, Pods, ServiceAccounts } from '#api/kinds/index.ts';
import type { KubeObject, Stored } from '#api/meta/objectmeta.ts';
import type { Resource } from '../registry/resource.ts';
import { certificateAdmission } from './certificates.ts';
import type { Lookup } from './lookup.ts';
import { nodeRestriction } from './node-restriction.ts';
import { priorityAdmission } from './priority.ts';
import { serviceAccountAdmission } from './service-account.ts';
import type { AdmissionPlugin, Attributes } from './types.ts';

const node = { name: 'system:node:n1', groups: ['system:nodes'] };
const resource = (kind: unknown): Resource => ({ kind: kind as Kind, ref: kind as Kind }) as unknown as Resource;

/** What is stored, by plural and name. */
const holding = (objects: Readonly<Record<string, object>>): Lookup => ({
  find: async (kind, _namespace, name) => objects[`${kind.plural}/${name}`] as never,
  list: () => [],
});

const attributes = (kind: unknown, over: Partial<Attributes>): Attributes => ({
  operation: 'CREATE',
  resource: resource(kind),
  subresource: '',
  namespace: 'default',
  name: over.object?.metadata?.name ?? '',
  user: node,
  dryRun: false,
  warnings: [],
  ...over,
});

/** The message of a refusal; undefined: there is none. */
async function refusal(plugin: AdmissionPlugin, a: Attributes): Promise<string | undefined> {
  try {
    await plugin.validate?.(a);
    return undefined;
  } catch (e) {
    return (e as Error).message;
  }
}

const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'u', controller: true };
const mirror = (over: object, spec: object = {}): KubeObject => ({
  metadata: { name: 'm', annotations: { 'kubernetes.io/config.mirror': 'x' }, ownerReferences: [owner], ...over },
  ...{ spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }], ...spec } },
});

test.each<[string, object, RegExp | undefined]>([
  ['of its node', {}, undefined],
  ['of nobody', { ownerReferences: [] }, /with an owner reference set to itself$/],
  ['of another node', { ownerReferences: [{ ...owner, name: 'n2' }] }, /with an owner reference set to itself$/],
  ['of a ReplicaSet', { ownerReferences: [{ ...owner, kind: 'ReplicaSet' }] }, /an owner reference set to itself$/],
  ['of two', { ownerReferences: [owner, owner] }, /a single owner reference set to itself$/],
  ['not controlled', { ownerReferences: [{ ...owner, controller: false }] }, /a controller owner reference/],
  ['that blocks', { ownerReferences: [{ ...owner, blockOwnerDeletion: true }] }, /must not set blockOwnerDeletion/],
])('a mirror pod %s', async (_what, over, want) => {
  const found = await refusal(nodeRestriction(holding({})), attributes(Pods, { object: mirror(over) }));
  if (want) expect(found).toMatch(want);
  else expect(found).toBeUndefined();
});

test('a CSINode is its own', async () => {
  const of = (name: string) =>
    refusal(nodeRestriction(holding({})), attributes(CSINodes, { object: { metadata: { name } } }));
  expect(await of('n1')).toBeUndefined();
  expect(await of('n2')).toContain('can only access CSINode with the same name as the requesting node');
});

test.each<[string, readonly string[], RegExp | undefined]>([
  ['the API server', [], undefined],
  ['one mounted', ['vault'], undefined],
  ["one of an inline volume's driver", ['drive'], undefined],
  ["one of a claim's driver", ['claimed'], undefined],
  ['another', ['other'], /audience "other" not found in pod spec volume$/],
  ['two', ['vault', 'drive'], /may only request 0 or 1 audiences$/],
])('an agent asks for tokens for %s', async (_what, audiences, want) => {
  const volumes = [
    { name: 'a', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
    { name: 'b', projected: { sources: [{ serviceAccountToken: { path: 't', audience: 'vault' } }] } },
    { name: 'c', csi: { driver: 'inline.csi' } },
    { name: 'd', persistentVolumeClaim: { claimName: 'pvc' } },
  ];
  const lookup = holding({
    'pods/p': { metadata: { name: 'p', uid: 'u' }, spec: { nodeName: 'n1', volumes } },
    'csidrivers/inline.csi': { spec: { tokenRequests: [{ audience: 'drive' }] } },
    'csidrivers/claim.csi': { spec: { tokenRequests: [{ audience: 'claimed' }] } },
    'persistentvolumeclaims/pvc': { spec: { volumeName: 'pv' } },
    'persistentvolumes/pv': { spec: { csi: { driver: 'claim.csi' } } },
  });
  const object = { spec: { audiences, boundObjectRef: { kind: 'Pod', name: 'p', uid: 'u' } } } as KubeObject;
  const found = await refusal(
    nodeRestriction(lookup),
    attributes(ServiceAccounts, { object, subresource: 'token', name: 'default' }),
  );
  if (want) expect(found).toMatch(want);
  else expect(found).toBeUndefined();
});

const env = [{ name: 'E', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }];

test.each<[string, object, string | undefined]>([
  ['nothing', {}, undefined],
  ['an account', { serviceAccountName: 'a' }, 'a mirror pod may not reference service accounts'],
  ['a secret', { containers: [{ name: 'c', env }] }, 'a mirror pod may not reference secrets'],
  [
    'a token',
    { volumes: [{ name: 'v', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] },
    'a mirror pod may not use ServiceAccountToken volume projections',
  ],
])('a mirror pod that refers to %s', async (_what, spec, want) => {
  const found = await refusal(serviceAccountAdmission(holding({})), attributes(Pods, { object: mirror({}, spec) }));
  expect(found?.replace(/^.*forbidden: /, '')).toBe(want);
});

const BY = 'is not allowed because service account a does not reference that';
test.each<[string, object, string | undefined]>([
  [
    'named',
    { volumes: [{ name: 'v', secret: { secretName: 'mine' } }], imagePullSecrets: [{ name: 'pull' }] },
    undefined,
  ],
  [
    'in a volume',
    { volumes: [{ name: 'v', secret: { secretName: 's' } }] },
    `volume with secret.secretName="s" ${BY} secret`,
  ],
  [
    'in the environment',
    { initContainers: [{ name: 'i', env }] },
    `init container i with envVar E referencing secret.secretName="s" ${BY} secret`,
  ],
  ['to pull by', { imagePullSecrets: [{ name: 's' }] }, `imagePullSecrets[0].name="s" ${BY} imagePullSecret`],
])('an account that is limited to its secrets, and one %s', async (_what, spec, want) => {
  const account = (asked: string) => ({
    metadata: { name: 'a', annotations: { 'kubernetes.io/enforce-mountable-secrets': asked } },
    ...{ secrets: [{ name: 'mine' }], imagePullSecrets: [{ name: 'pull' }] },
  });
  const object = { metadata: { name: 'p' }, spec: { serviceAccountName: 'a', ...spec } } as KubeObject;
  const of = (asked: string) =>
    refusal(serviceAccountAdmission(holding({ 'serviceaccounts/a': account(asked) })), attributes(Pods, { object }));
  expect((await of('true'))?.replace(/^.*forbidden: /, '')).toBe(want);
  expect(await of('false')).toBeUndefined();
});

test('who says that a request failed must be allowed to sign', async () => {
  const asked: string[] = [];
  const authorizer = { allows: (_user: unknown, r: { verb: string }) => asked.push(r.verb) === 0 };
  const old = { metadata: { name: 'r' }, spec: { signerName: 'x.io/y' } } as unknown as Stored<KubeObject>;
  const failed = { ...old, status: { conditions: [{ type: 'Failed', status: 'True' }] } } as KubeObject;
  const change = { operation: 'UPDATE', subresource: 'status', oldObject: old } as const;
  const plugin = certificateAdmission(authorizer as never);
  expect(await refusal(plugin, attributes(CertificateSigningRequests, { ...change, object: failed }))).toContain(
    'user not permitted to sign requests with signerName "x.io/y"',
  );
  expect(await refusal(plugin, attributes(CertificateSigningRequests, { ...change, object: old }))).toBeUndefined();
  expect(new Set(asked)).toEqual(new Set(['sign']));
});

test('a pod that is written back without its priority keeps it', async () => {
  const oldObject = { metadata: { name: 'p' }, spec: { priority: 7, preemptionPolicy: 'Never' } } as never;
  const object = { metadata: { name: 'p' }, spec: {} } as KubeObject;
  await priorityAdmission(holding({})).admit?.(attributes(Pods, { operation: 'UPDATE', object, oldObject }));
  expect(object).toEqual({ metadata: { name: 'p' }, spec: { priority: 7, preemptionPolicy: 'Never' } });
});
