import { expect, test } from 'vitest';
import { builtinKinds } from './index.ts';

/** What `kubectl get` heads its columns with in v1.33; with * those of `-o wide` alone. */
const COLUMNS: Readonly<Record<string, string>> = {
  componentstatuses: 'Name | Status | Message | Error',
  configmaps: 'Name | Data | Age',
  endpoints: 'Name | Endpoints | Age',
  events: 'Last Seen | Type | Reason | Object | Subobject* | Source* | Message | First Seen* | Count* | Name*',
  limitranges: 'Name | Created At',
  namespaces: 'Name | Status | Age',
  nodes:
    'Name | Status | Roles | Age | Version | Internal-IP* | External-IP* | OS-Image* | Kernel-Version* | Container-Runtime*',
  podtemplates: 'Name | Containers | Images | Pod Labels',
  pods: 'Name | Ready | Status | Restarts | Age | IP* | Node* | Nominated Node* | Readiness Gates*',
  replicationcontrollers: 'Name | Desired | Current | Ready | Age | Containers* | Images* | Selector*',
  resourcequotas: 'Name | Request | Limit | Age',
  secrets: 'Name | Type | Data | Age',
  services: 'Name | Type | Cluster-IP | External-IP | Port(s) | Age | Selector*',
  serviceaccounts: 'Name | Secrets | Age',
  persistentvolumeclaims:
    'Name | Status | Volume | Capacity | Access Modes | StorageClass | VolumeAttributesClass | Age | VolumeMode*',
  persistentvolumes:
    'Name | Capacity | Access Modes | Reclaim Policy | Status | Claim | StorageClass | VolumeAttributesClass | Reason | Age | VolumeMode*',
  'controllerrevisions.apps': 'Name | Controller | Revision | Age',
  'daemonsets.apps':
    'Name | Desired | Current | Ready | Up-to-date | Available | Node Selector | Age | Containers* | Images* | Selector*',
  'deployments.apps': 'Name | Ready | Up-to-date | Available | Age | Containers* | Images* | Selector*',
  'replicasets.apps': 'Name | Desired | Current | Ready | Age | Containers* | Images* | Selector*',
  'statefulsets.apps': 'Name | Ready | Age | Containers* | Images*',
  'cronjobs.batch':
    'Name | Schedule | Timezone | Suspend | Active | Last Schedule | Age | Containers* | Images* | Selector*',
  'jobs.batch': 'Name | Status | Completions | Duration | Age | Containers* | Images* | Selector*',
  'horizontalpodautoscalers.autoscaling': 'Name | Reference | Targets | MinPods | MaxPods | Replicas | Age',
  'poddisruptionbudgets.policy': 'Name | Min Available | Max Unavailable | Allowed Disruptions | Age',
  'endpointslices.discovery.k8s.io': 'Name | AddressType | Ports | Endpoints | Age',
  'leases.coordination.k8s.io': 'Name | Holder | Age',
  'ingresses.networking.k8s.io': 'Name | Class | Hosts | Address | Ports | Age',
  'ingressclasses.networking.k8s.io': 'Name | Controller | Parameters | Age',
  'ipaddresses.networking.k8s.io': 'Name | ParentRef',
  'networkpolicies.networking.k8s.io': 'Name | Pod-Selector | Age',
  'servicecidrs.networking.k8s.io': 'Name | CIDRs | Age',
  'priorityclasses.scheduling.k8s.io': 'Name | Value | Global-Default | Age | PreemptionPolicy',
  'csidrivers.storage.k8s.io':
    'Name | AttachRequired | PodInfoOnMount | StorageCapacity | TokenRequests | RequiresRepublish | Modes | Age',
  'csinodes.storage.k8s.io': 'Name | Drivers | Age',
  'csistoragecapacities.storage.k8s.io': 'Name | StorageClassName | Capacity',
  'storageclasses.storage.k8s.io':
    'Name | Provisioner | ReclaimPolicy | VolumeBindingMode | AllowVolumeExpansion | Age',
  'volumeattachments.storage.k8s.io': 'Name | Attacher | PV | Node | Attached | Age',
  'volumeattributesclasses.storage.k8s.io': 'Name | DriverName | Age',
  'runtimeclasses.node.k8s.io': 'Name | Handler | Age',
  'clusterroles.rbac.authorization.k8s.io': 'Name | Created At',
  'clusterrolebindings.rbac.authorization.k8s.io': 'Name | Role | Age | Users* | Groups* | ServiceAccounts*',
  'roles.rbac.authorization.k8s.io': 'Name | Created At',
  'rolebindings.rbac.authorization.k8s.io': 'Name | Role | Age | Users* | Groups* | ServiceAccounts*',
  'certificatesigningrequests.certificates.k8s.io':
    'Name | Age | SignerName | Requestor | RequestedDuration | Condition',
  'mutatingwebhookconfigurations.admissionregistration.k8s.io': 'Name | Webhooks | Age',
  'validatingadmissionpolicies.admissionregistration.k8s.io': 'Name | Validations | ParamKind | Age',
  'validatingadmissionpolicybindings.admissionregistration.k8s.io': 'Name | PolicyName | ParamRef | Age',
  'validatingwebhookconfigurations.admissionregistration.k8s.io': 'Name | Webhooks | Age',
  'customresourcedefinitions.apiextensions.k8s.io': 'Name | Created At',
  'apiservices.apiregistration.k8s.io': 'Name | Service | Available | Age',
  'flowschemas.flowcontrol.apiserver.k8s.io':
    'Name | PriorityLevel | MatchingPrecedence | DistinguisherMethod | Age | MissingPL',
  'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io':
    'Name | Type | NominalConcurrencyShares | Queues | HandSize | QueueLengthLimit | Age',
};

const kinds = builtinKinds.filter((k) => k.verbs.includes('list') && !k.storedAs);

test.each(kinds.map((k) => [k.group ? `${k.plural}.${k.group}` : k.plural, k] as const))('%s', (name, { columns }) => {
  expect(columns.map((c) => `${c.name}${c.priority ? '*' : ''}`).join(' | ')).toBe(COLUMNS[name]);
});
