import type { Scenario } from './lines.ts';

/** An object of every kind that `describe` has words of its own for; nothing of it runs, so nothing changes by itself. */
export const KINDS_FILE = `
apiVersion: v1
kind: ResourceQuota
metadata: { name: q, namespace: $NS-kinds }
spec: { hard: { pods: "50", requests.cpu: "20" }, scopes: [NotTerminating] }
---
apiVersion: v1
kind: LimitRange
metadata: { name: lr, namespace: $NS-kinds }
spec: { limits: [ { type: Container, default: { cpu: 100m, memory: 64Mi }, defaultRequest: { cpu: 10m }, max: { cpu: "2" }, min: {cpu: 1m}, maxLimitRequestRatio: {cpu: "100"} }, {type: Pod, max: {memory: 1Gi}}, {type: PersistentVolumeClaim, min: {storage: 1Mi}} ] }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: robot, namespace: $NS-kinds, labels: {a: b}, annotations: {x: "y z"} }
imagePullSecrets: [ { name: pull } ]
secrets: [ { name: sec } ]
---
apiVersion: v1
kind: Secret
metadata: { name: sec, namespace: $NS-kinds }
stringData: { a: hello, b: "x" }
---
apiVersion: v1
kind: PersistentVolume
metadata: { name: $NS-pv }
spec: { capacity: { storage: 1Gi }, accessModes: [ReadWriteOnce, ReadOnlyMany], hostPath: { path: /tmp/walk, type: DirectoryOrCreate }, persistentVolumeReclaimPolicy: Retain, storageClassName: $NS-slow, claimRef: { name: pvc, namespace: $NS-kinds }, nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/os, operator: In, values: [linux]}]}]}} }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: pvc, namespace: $NS-kinds }
spec: { accessModes: [ReadWriteOnce], storageClassName: $NS-slow, volumeName: $NS-pv, resources: { requests: { storage: 1Gi } } }
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: $NS-slow, annotations: {storageclass.kubernetes.io/is-default-class: "false"} }
provisioner: example.com/none
parameters: { type: x, b: c }
mountOptions: [ro, soft]
allowVolumeExpansion: true
volumeBindingMode: WaitForFirstConsumer
reclaimPolicy: Delete
allowedTopologies: [ { matchLabelExpressions: [ { key: zone, values: [a, b] } ] } ]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: ss, namespace: $NS-kinds }
spec:
  serviceName: ss
  replicas: 0
  selector: { matchLabels: { app: ss } }
  updateStrategy: { type: RollingUpdate, rollingUpdate: { partition: 0 } }
  volumeClaimTemplates: [ { metadata: { name: data, labels: { l: m } }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } } ]
  template:
    metadata: { labels: { app: ss }, annotations: {n: m} }
    spec:
      terminationGracePeriodSeconds: 1
      serviceAccountName: robot
      priorityClassName: $NS-high
      topologySpreadConstraints: [ { maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: { matchLabels: { app: web } } } ]
      nodeSelector: { kubernetes.io/os: linux }
      tolerations: [ { key: x, operator: Exists, effect: NoExecute, tolerationSeconds: 30 } ]
      initContainers: [ { name: i, image: coxswain/busybox:1, imagePullPolicy: Never, command: [sh, -c, "true"] } ]
      containers:
      - name: c
        image: coxswain/hello:1
        imagePullPolicy: Never
        args: [a, "b c"]
        ports: [ { containerPort: 8080, name: http, protocol: TCP }, { containerPort: 53, protocol: UDP } ]
        env: [ { name: A, value: b }, { name: S, valueFrom: { secretKeyRef: { name: sec, key: a } } }, { name: F, valueFrom: { fieldRef: { fieldPath: status.podIP } } }, { name: R, valueFrom: { resourceFieldRef: { resource: limits.cpu } } } ]
        envFrom: [ { configMapRef: { name: cm, optional: true } }, { secretRef: { name: sec }, prefix: P_ } ]
        livenessProbe: { httpGet: { path: /, port: 8080, httpHeaders: [{name: a, value: b}] }, initialDelaySeconds: 3, timeoutSeconds: 2 }
        readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
        startupProbe: { exec: { command: ["true"] } }
        securityContext: { runAsNonRoot: false }
        volumeMounts: [ { name: v, mountPath: /v, readOnly: true }, { name: all, mountPath: /all, subPath: x } ]
      volumes:
      - { name: v, configMap: { name: cm, items: [ { key: a, path: aa } ] } }
      - { name: all, projected: { sources: [ { secret: { name: sec } }, { configMap: { name: cm } }, { downwardAPI: { items: [ { path: l, fieldRef: { fieldPath: metadata.labels } } ] } } ] } }
      - { name: h, hostPath: { path: /tmp, type: Directory } }
      - { name: s, secret: { secretName: sec, optional: true } }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: ds, namespace: $NS-kinds }
spec:
  selector: { matchLabels: { app: ds } }
  template:
    metadata: { labels: { app: ds } }
    spec:
      nodeSelector: { none: such }
      containers: [ { name: c, image: coxswain/hello:1, imagePullPolicy: Never, resources: { limits: { memory: 32Mi } } } ]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: ing, namespace: $NS-kinds, annotations: { a: b } }
spec: { ingressClassName: coxswain, tls: [ { hosts: [a.example, b.example], secretName: t } ], defaultBackend: { service: { name: web, port: { number: 80 } } }, rules: [ { host: a.example, http: { paths: [ { path: /x, pathType: Prefix, backend: { service: { name: web, port: { name: http } } } }, { path: /y, pathType: Exact, backend: { service: { name: none, port: { number: 1 } } } } ] } }, { http: { paths: [ { path: /, pathType: Prefix, backend: { service: { name: web, port: { number: 80 } } } } ] } } ] }
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: $NS-class }
spec: { controller: example.com/x, parameters: { apiGroup: g.example, kind: K, name: params, scope: Cluster } }
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: np, namespace: $NS-kinds }
spec: { podSelector: { matchLabels: { app: web } }, policyTypes: [Ingress, Egress], ingress: [ { from: [ { podSelector: { matchLabels: { a: b } }, namespaceSelector: {} }, { ipBlock: { cidr: 10.0.0.0/8, except: [10.1.0.0/16] } } ], ports: [ { port: 80 }, { port: 8000, endPort: 9000, protocol: UDP } ] } ], egress: [ {} ] }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: pdb, namespace: $NS-kinds }
spec: { minAvailable: 1, selector: { matchLabels: { app: web } } }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: hpa, namespace: $NS-kinds }
spec: { minReplicas: 2, maxReplicas: 3, scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }, metrics: [ { type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 80 } } }, { type: Resource, resource: { name: memory, target: { type: AverageValue, averageValue: 100Mi } } } ], behavior: { scaleDown: { stabilizationWindowSeconds: 60, policies: [ { type: Pods, value: 1, periodSeconds: 30 } ] } } }
---
apiVersion: batch/v1
kind: Job
metadata: { name: job, namespace: $NS-kinds }
spec: { suspend: true, completions: 2, parallelism: 1, backoffLimit: 3, activeDeadlineSeconds: 600, ttlSecondsAfterFinished: 6000, completionMode: Indexed, template: { spec: { restartPolicy: Never, containers: [ { name: c, image: coxswain/busybox:1, imagePullPolicy: Never, command: [sh, -c, "echo hi"] } ] } } }
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: cron, namespace: $NS-kinds }
spec: { schedule: "0 0 1 1 *", timeZone: Etc/UTC, suspend: true, concurrencyPolicy: Forbid, startingDeadlineSeconds: 100, successfulJobsHistoryLimit: 2, jobTemplate: { spec: { template: { spec: { restartPolicy: OnFailure, containers: [ { name: c, image: coxswain/busybox:1, command: ["true"] } ] } } } } }
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: { name: $NS-high }
value: 1000
description: for walks
---
apiVersion: v1
kind: ReplicationController
metadata: { name: rc, namespace: $NS-kinds }
spec: { replicas: 0, selector: { app: rc }, template: { metadata: { labels: { app: rc } }, spec: { terminationGracePeriodSeconds: 1, containers: [ { name: c, image: coxswain/hello:1, imagePullPolicy: Never } ] } } }
`;

const IN = '-n $NS-kinds';
const describe = (what: string): string => `k ${IN} describe ${what} --show-events=false`;
// What a controller says of them comes in its own time.
const settled = (what: string): string => `${describe(what)} | sed '/^Conditions:/,$d'`;

export const KINDS: readonly Scenario[] = [
  {
    name: 'describe: every kind',
    lines: [
      'k create ns $NS-kinds && k wait --for=create sa/default -n $NS-kinds --timeout=100s',
      'k -n $NS-kinds create -f kinds.yaml | sort',
      `k ${IN} wait --for=jsonpath='{.status.phase}'=Bound pvc/pvc --timeout=100s`,
      `k ${IN} wait --for=jsonpath='{.status.hard.pods}'=50 quota/q --timeout=100s`,
      `k ${IN} wait --for=condition=Suspended job/job --timeout=100s`,
      `k ${IN} wait --for=jsonpath='{.status.observedGeneration}'=1 pdb/pdb --timeout=100s`,
      // kubectl shows limits in any order.
      ...['ns/$NS-kinds', 'limits'].map((what) => `${describe(what)} | sort`),
      ...['quota', 'sa/robot', 'pv/$NS-pv', 'pvc/pvc', 'sc/$NS-slow', 'sts', 'ds', 'rc', 'job'].map(describe),
      ...['cj', 'ing', 'ingressclass/$NS-class', 'pc/$NS-high'].map(describe),
      `${describe('netpol')} | grep -v '^Created on'`,
      ...['hpa', 'pdb'].map(settled),
      `k get lease -n kube-node-lease -o name | head -1 | xargs $PROGRAM describe -n kube-node-lease | grep -iE '^ *(api|kind|uid|name)'`,
      'k describe nodes | sed -n "/^Allocated/,/^Events/p" | grep storage',
    ],
  },
];
