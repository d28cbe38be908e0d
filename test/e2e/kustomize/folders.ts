import { BASE, DEPLOYMENT } from './base.ts';

/** A set of folders, by file; the one to build is "build". */
export interface Folders {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
}

/** An overlay over all of BASE. */
const over = (name: string, kustomization: string, files: Readonly<Record<string, string>> = {}): Folders => ({
  name,
  files: { ...BASE, 'build/kustomization.yaml': `resources: [../base]\n${kustomization}`, ...files },
});

export const FOLDERS: readonly Folders[] = [
  over('a base as it is', ''),
  over('prefix, suffix and namespace', 'namePrefix: dev-\nnameSuffix: -v1\nnamespace: prod\n'),
  over('commonLabels and commonAnnotations', 'commonLabels: { team: a }\ncommonAnnotations: { note: "1" }\n'),
  over('labels', 'labels:\n- pairs: { plain: x }\n- pairs: { deep: z }\n  includeSelectors: true\n'),
  over('labels in templates', 'labels:\n- pairs: { plain: x }\n  includeTemplates: true\n'),
  over(
    'labels in fields of their own',
    'labels:\n- pairs: { l: x }\n  fields: [{ path: spec/more/labels, kind: Gadget, create: true }]\n',
  ),
  over(
    'images',
    `images:
- { name: nginx, newTag: "2" }
- { name: registry.io:5000/team/side, newName: other/side, newTag: v3 }
- { name: busybox, digest: "sha256:abcdef" }
- { name: pg, newName: reg:5000/pg }
`,
  ),
  over('replicas', 'replicas: [{ name: web, count: 5 }, { name: db, count: 2 }]\nnamePrefix: p-\n'),
  over(
    'strategic patches: lists merged by key',
    `patches:
- path: patch.yaml
- patch: |
    apiVersion: example.io/v1
    kind: Gadget
    metadata: { name: gadget }
    spec: { list: [{ name: c }] }
`,
    {
      'build/patch.yaml': `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: null
  template:
    spec:
      containers:
      - { name: extra, image: extra:1 }
      - name: main
        env: [{ name: C, value: c }, { name: A, value: changed }]
        ports: [{ containerPort: 81 }, { containerPort: 80, name: web }]
      - { name: side, $patch: delete }
      volumes: [{ name: data, emptyDir: {}, persistentVolumeClaim: null }]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { ports: [{ port: 443, name: tls }] }
`,
    },
  ),
  over(
    'a patch that deletes and one that replaces',
    `patches:
- patch: |
    $patch: delete
    apiVersion: apps/v1
    kind: StatefulSet
    metadata: { name: db }
- patch: |
    apiVersion: apps/v1
    kind: Deployment
    metadata: { name: web }
    spec: { template: { spec: { containers: [{ $patch: replace }, { name: only, image: only:1 }] } } }
`,
  ),
  over(
    'patches with targets',
    `patches:
- target: { kind: Deployment|StatefulSet }
  patch: |
    - op: add
      path: /metadata/annotations
      value: { patched: "yes" }
- target: { labelSelector: app=web }
  patch: |
    - op: replace
      path: /spec/replicas
      value: 7
- target: { kind: Service, name: w.* }
  patch: '[{"op":"add","path":"/spec/type","value":"NodePort"}]'
- target: { group: batch, version: v1 }
  patch: |
    apiVersion: x
    kind: x
    metadata: { name: x }
    spec: { suspend: true }
`,
  ),
  over(
    'patchesStrategicMerge and patchesJson6902',
    `patchesStrategicMerge:
- |-
  apiVersion: v1
  kind: ConfigMap
  metadata: { name: settings }
  data: { more: "1" }
- patch.yaml
patchesJson6902:
- target: { version: v1, kind: Service, name: web }
  path: ops.yaml
`,
    {
      'build/patch.yaml': 'apiVersion: v1\nkind: Secret\nmetadata: { name: keys }\nstringData: { x: y, z: yes }\n',
      'build/ops.yaml':
        '- { op: test, path: /spec/ports/0/port, value: 80 }\n- { op: remove, path: /spec/selector/app }\n- { op: add, path: /spec/ports/-, value: { port: 1 } }\n',
    },
  ),
  over(
    'generators: merge, replace, options',
    `generatorOptions: { labels: { gen: x }, annotations: { a: b } }
configMapGenerator:
- { name: settings, behavior: merge, literals: [b=2, c=3] }
- { name: other, behavior: replace, literals: [all=new] }
- { name: plain, literals: [x=y], options: { disableNameSuffixHash: true, immutable: true, labels: { own: z } } }
- { name: placed, namespace: else, literals: [x=y] }
secretGenerator:
- { name: keys, behavior: merge, literals: [more=1] }
- { name: tls, type: kubernetes.io/tls, files: [tls.crt, tls.key] }
namePrefix: q-
`,
    { 'build/tls.crt': 'cert', 'build/tls.key': 'key' },
  ),
  {
    name: 'a hash that is switched off in the base only',
    files: {
      'base/kustomization.yaml':
        'configMapGenerator:\n- { name: cm, literals: [a=1], options: { disableNameSuffixHash: true } }\n',
      'build/kustomization.yaml':
        'resources: [../base]\nconfigMapGenerator:\n- { name: cm, behavior: merge, literals: [b=2] }\n',
    },
  },
  {
    name: 'a hash that is switched off in the overlay only',
    files: {
      'base/kustomization.yaml': 'configMapGenerator: [{ name: cm, literals: [a=1] }, { name: cn, literals: [a=1] }]\n',
      'build/kustomization.yaml':
        'resources: [../base]\ngeneratorOptions: { disableNameSuffixHash: true }\nconfigMapGenerator: [{ name: cm, behavior: merge, literals: [b=2] }, { name: cn, behavior: replace, literals: [c=2] }]\n',
    },
  },
  {
    name: 'two overlays of one base side by side',
    files: {
      ...BASE,
      'dev/kustomization.yaml':
        'resources: [../base]\nnamePrefix: dev-\nconfigMapGenerator: [{ name: settings, behavior: merge, literals: [b=dev] }]\n',
      'prod/kustomization.yaml': `resources: [../base]\nnamePrefix: prod-\npatches: [{ target: { kind: Deployment }, patch: '[{"op":"replace","path":"/spec/replicas","value":9}]' }]\n`,
      'build/kustomization.yaml':
        'resources: [../dev, ../prod]\nnameSuffix: -x\npatches: [{ target: { kind: Namespace }, patch: "{apiVersion: v1, kind: Namespace, metadata: {name: x}, $patch: delete}" }]\n',
    },
  },
  over('components', 'components: [../part]\nnamePrefix: c-\n', {
    'part/kustomization.yaml': `apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources: [extra.yaml]
configMapGenerator: [{ name: settings, behavior: merge, literals: [part=1] }]
patches: [{ target: { kind: Deployment, name: web }, patch: '[{"op":"replace","path":"/spec/replicas","value":3}]' }]
labels: [{ pairs: { part: "yes" } }]
`,
    'part/extra.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: extra }\ndata: { a: b }\n',
  }),
  over(
    'replacements',
    `replacements:
- source: { kind: Service, name: web, fieldPath: metadata.name }
  targets:
  - select: { kind: Deployment }
    fieldPaths: ["spec.template.spec.containers.[name=main].env.[name=A].value"]
  - select: { kind: Gadget }
    fieldPaths: [spec.list.*.v]
- source: { kind: Deployment, name: web, fieldPath: "spec.template.spec.containers.[name=main].image", options: { delimiter: ":", index: 1 } }
  targets:
  - select: { kind: Gadget }
    fieldPaths: [spec.image]
    options: { delimiter: ":", index: 1 }
  - select: { kind: CronJob }
    reject: [{ name: none }]
    fieldPaths: ["metadata.annotations.[a.b/version]", metadata.annotations.x\\.y]
    options: { create: true }
- path: more.yaml
namePrefix: r-
`,
    {
      'build/more.yaml':
        'source: { kind: ServiceAccount, name: robot }\ntargets:\n- select: { kind: PersistentVolumeClaim, name: data }\n  fieldPaths: [spec.storageClassName]\n  options: { create: true }\n',
    },
  ),
  over('order of the files', 'sortOptions: { order: fifo }\n'),
  over(
    'order of our own',
    'sortOptions: { order: legacy, legacySortOptions: { orderFirst: [Deployment], orderLast: [Namespace] } }\n',
  ),
  over(
    'a renamed object',
    `patches:
- target: { kind: Service, name: web }
  patch: '[{"op":"replace","path":"/metadata/name","value":"site"}]'
  options: { allowNameChange: true }
`,
  ),
  {
    name: 'webhooks, volumes and lists',
    files: {
      'build/kustomization.yaml': 'resources: [all.yaml]\nnamePrefix: n-\nnamespace: ns1\n',
      'build/all.yaml': `
apiVersion: v1
kind: List
items:
- { apiVersion: v1, kind: Service, metadata: { name: hook } }
- { apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: { name: fast }, provisioner: x }
- { apiVersion: v1, kind: PersistentVolume, metadata: { name: pv }, spec: { storageClassName: fast } }
- { apiVersion: v1, kind: PersistentVolumeClaim, metadata: { name: pvc }, spec: { storageClassName: fast, volumeName: pv } }
- apiVersion: admissionregistration.k8s.io/v1
  kind: ValidatingWebhookConfiguration
  metadata: { name: check }
  webhooks: [{ name: a.b.c, clientConfig: { service: { name: hook, namespace: default } } }]
- { apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: { name: cr } }
- { apiVersion: v1, kind: ServiceAccount, metadata: { name: sa, namespace: other } }
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRoleBinding
  metadata: { name: crb }
  roleRef: { kind: ClusterRole, name: cr, apiGroup: rbac.authorization.k8s.io }
  subjects: [{ kind: ServiceAccount, name: sa, namespace: other }, { kind: ServiceAccount, name: gone, namespace: other }]
- { apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: { name: high }, value: 5 }
- { apiVersion: v1, kind: Pod, metadata: { name: pod }, spec: { priorityClassName: high, containers: [{ name: c, image: i }] } }
- { apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: { name: gs.example.io }, spec: { names: { kind: G } } }
`,
    },
  },
  { name: 'an unknown field', files: { 'build/kustomization.yaml': 'nonsense: 1\n' } },
  { name: 'no kustomization', files: { 'build/readme': '' } },
  { name: 'a missing file', files: { 'build/kustomization.yaml': 'resources: [none.yaml]\n' } },
  { name: 'a file outside', files: { 'x.yaml': DEPLOYMENT, 'build/kustomization.yaml': 'resources: [../x.yaml]\n' } },
  { name: 'bad YAML', files: { 'build/kustomization.yaml': 'resources: [x.yaml]\n', 'build/x.yaml': 'a: [\n' } },
  { name: 'a folder that contains itself', files: { 'build/kustomization.yaml': 'resources: [../build]\n' } },
  over('a patch that nothing matches', 'patches: [{ patch: "{apiVersion: v1, kind: Pod, metadata: {name: x}}" }]\n'),
  over(
    'a target that nothing matches',
    `patches: [{ target: { kind: Pod }, patch: '[{"op":"remove","path":"/x"}]' }]\n`,
  ),
  over(
    'a JSON patch that fails',
    `patches: [{ target: { kind: Service }, patch: '[{"op":"remove","path":"/spec/none"}]' }]\n`,
  ),
  over('replicas of nothing', 'replicas: [{ name: none, count: 1 }]\n'),
  over('merge into nothing', 'configMapGenerator: [{ name: none, behavior: merge, literals: [a=b] }]\n'),
  over('a name taken', 'configMapGenerator: [{ name: settings, literals: [a=b] }]\n'),
  over('a component among the resources', 'components: [../base]\n'),
  over(
    'a replacement from nowhere',
    'replacements: [{ source: { kind: Pod, name: x }, targets: [{ select: { kind: Service } }] }]\n',
  ),
  over(
    'a replacement into no field',
    'replacements: [{ source: { kind: Service, name: web }, targets: [{ select: { kind: Service }, fieldPaths: [spec.none] }] }]\n',
  ),
];
