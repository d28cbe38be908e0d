/** Manifests that most folders build on. */
export const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      serviceAccountName: robot
      imagePullSecrets: [{ name: pull }]
      containers:
      - name: main
        image: nginx:1.20
        env:
        - { name: A, value: a }
        - { name: B, valueFrom: { configMapKeyRef: { name: settings, key: b } } }
        ports: [{ containerPort: 80, name: http }]
      - name: side
        image: registry.io:5000/team/side@sha256:0123456789abcdef
        envFrom: [{ secretRef: { name: keys } }, { configMapRef: { name: other } }]
      initContainers: [{ name: init, image: busybox }]
      volumes:
      - { name: settings, configMap: { name: settings } }
      - { name: keys, secret: { secretName: keys } }
      - { name: all, projected: { sources: [{ configMap: { name: settings } }, { secret: { name: keys } }] } }
      - { name: data, persistentVolumeClaim: { claimName: data } }
`;

const OTHERS = `
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: http }] }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: robot }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader }
rules: [{ apiGroups: [""], resources: [pods], verbs: [get] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reader }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
subjects:
- { kind: ServiceAccount, name: robot }
- { kind: ServiceAccount, name: default, namespace: x }
- { kind: User, name: ann, apiGroup: rbac.authorization.k8s.io }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web }
spec:
  tls: [{ secretName: keys, hosts: [a.example] }]
  rules:
  - host: a.example
    http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } }] }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: web }
spec: { minReplicas: 1, maxReplicas: 3, scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web } }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: web }
spec: { minAvailable: 1, selector: { matchLabels: { app: web } } }
---
apiVersion: example.io/v1
kind: Gadget
metadata: { name: gadget }
spec: { list: [{ name: a, v: one }, { name: b, v: two }], image: nginx:1.20, template: { containers: [{ image: "nginx:1.20" }] } }
---
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: tick }
spec:
  schedule: "* * * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{ name: c, image: "nginx:1.20", envFrom: [{ configMapRef: { name: settings } }] }]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec:
  serviceName: web
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      containers: [{ name: c, image: pg }]
      topologySpreadConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: { matchLabels: { app: db } } }]
  volumeClaimTemplates: [{ metadata: { name: d }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } }]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: np }
spec: { podSelector: { matchLabels: { app: web } }, ingress: [{ from: [{ podSelector: { matchLabels: { app: db } } }] }] }
---
apiVersion: batch/v1
kind: Job
metadata: { name: once }
spec: { template: { spec: { restartPolicy: Never, containers: [{ name: c, image: busybox }] } } }
`;

const SETTINGS = `
configMapGenerator:
- name: settings
  literals: [b=1, "quoted='x y'", "odd=<&>"]
  files: [app.ini, key=app.ini]
- name: other
  envs: [app.env]
secretGenerator:
- name: keys
  type: Opaque
  literals: [user=ann, password=secret]
- name: pull
  type: kubernetes.io/dockerconfigjson
  files: [.dockerconfigjson=pull.json]
`;

/** The folder "base", by file. */
export const BASE: Readonly<Record<string, string>> = {
  'base/kustomization.yaml': `resources: [deployment.yaml, others.yaml]\n${SETTINGS}`,
  'base/deployment.yaml': DEPLOYMENT,
  'base/others.yaml': OTHERS,
  'base/app.ini': '[main]\ncolour = red\n',
  'base/app.env': '# comment\nMODE=fast\nEMPTY=\n',
  'base/pull.json': '{"auths":{}}',
};
