/** Files the command lines name; `$NS` stands for the namespace. */
export const FILES: Readonly<Record<string, string>> = {
  'web.yaml': `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web, tier: front } }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web }, annotations: { note: hello } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: hello
        image: coxswain/hello:1
        imagePullPolicy: Never
        ports: [{ containerPort: 8080, name: http }]
        env:
        - { name: GREETING, value: hi }
        - { name: NODE, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }
        - { name: MODE, valueFrom: { configMapKeyRef: { name: settings, key: mode } } }
        resources: { requests: { cpu: 10m, memory: 16Mi }, limits: { memory: 64Mi } }
        readinessProbe: { httpGet: { path: /, port: http }, periodSeconds: 1, timeoutSeconds: 20 }
        volumeMounts: [{ name: settings, mountPath: /etc/settings, readOnly: true }]
      volumes:
      - { name: settings, configMap: { name: settings } }
---
apiVersion: v1
kind: Service
metadata: { name: web, labels: { app: web } }
spec:
  selector: { app: web }
  ports: [{ name: http, port: 80, targetPort: http }]
`,
  'settings.yaml': `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data:
  mode: fast
  text: |
    one
    two
`,
  'secret.yaml': `
apiVersion: v1
kind: Secret
metadata: { name: keys }
stringData: { user: ann, password: "s3cr:t" }
`,
  'pod.yaml': `
apiVersion: v1
kind: Pod
metadata: { name: solo, labels: { app: solo } }
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - { name: main, image: 'coxswain/busybox:1', imagePullPolicy: Never, command: [sh, -c, 'echo started; echo again >&2; sleep 3600'] }
  - { name: side, image: 'coxswain/busybox:1', imagePullPolicy: Never, command: [sh, -c, 'echo beside; sleep 3600'] }
`,
  'many/a.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: many-a, labels: { set: many } }\ndata: { a: "1" }\n',
  'many/b.json':
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"many-b","labels":{"set":"many"}},"data":{"b":"2"}}',
  'many/deep/c.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: many-c, labels: { set: many } }\n',
  'many/notes.txt': 'not a manifest\n',
  'settings2.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { mode: slow, text: "one\\ntwo\\n" }\n',
  'bad-field.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: bad }\ndatas: { a: "1" }\n',
  'bad-name.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: Bad_Name }\n',
  'bad-kind.yaml': 'apiVersion: v1\nkind: ConfigMop\nmetadata: { name: bad }\n',
  'bad-yaml.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n bad: [\n',
  'bad-selector.yaml': `
apiVersion: apps/v1
kind: Deployment
metadata: { name: bad }
spec:
  selector: { matchLabels: { app: a } }
  template: { metadata: { labels: { app: b } }, spec: { containers: [{ name: c, image: x }] } }
`,
  'app.env': '# settings\nMODE=fast\nLEVEL=3\nEMPTY=\n',
  'app.ini': '[main]\ncolour = red\n',
  'rbac.yaml': `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader, namespace: $NS, labels: { a: b } }
rules:
- { apiGroups: [""], resources: [pods], verbs: [get, list] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reader, namespace: $NS }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
subjects: [{ kind: User, name: ann, apiGroup: rbac.authorization.k8s.io }]
---
apiVersion: v1
kind: ConfigMap
metadata: { name: passed-over }
`,
  'rbac2.yaml': `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader, namespace: $NS, annotations: { c: d } }
rules:
- { apiGroups: ["", apps], resources: [pods, deployments], verbs: [get] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reader, namespace: $NS }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
subjects: [{ kind: ServiceAccount, name: default, namespace: $NS }]
`,
  'rbac3.yaml': `
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reader, namespace: $NS }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view }
subjects: [{ kind: User, name: bob, apiGroup: rbac.authorization.k8s.io }]
`,
  'kust/kustomization.yaml':
    'namePrefix: k-\nresources: [cm.yaml]\nconfigMapGenerator: [{ name: gen, literals: [a=b] }]\nlabels: [{ pairs: { set: kust } }]\n',
  'kust/cm.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: plain }\ndata: { a: "1" }\n',
  'set/one.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: set-one, labels: { in: set } }\n---\napiVersion: v1\nkind: Secret\nmetadata: { name: set-two, labels: { in: set } }\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: set-three, labels: { in: other } }\n',
  'set/less.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: set-one, labels: { in: set } }\n',
  'elsewhere.yaml':
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: kube-root-ca.crt, namespace: default }\ndata: { a: b }\n',
  'patch.yaml': 'data: { patched: "yes" }\n',
  'columns.txt': 'NAME IMAGE\n.metadata.name .spec.template.spec.containers[*].image\n',
};
