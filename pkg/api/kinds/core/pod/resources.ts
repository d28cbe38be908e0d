import { arr, f, objectsIn, oneOf, req, str, type TypeOf } from '../../../schema/schema.ts';
import { ResourceList } from '../values.ts';

const obj = objectsIn('io.k8s.api.core.v1');

export const ResourceClaim = obj('ResourceClaim', "Uses one of the pod's resource claims in a container.", {
  name: req(1, str, "Name of the entry in the pod's resourceClaims."),
  request: f(2, str, 'One request of the claim; empty for everything in it.'),
});
export type ResourceClaim = TypeOf<typeof ResourceClaim>;

export const ResourceRequirements = obj('ResourceRequirements', 'How much compute a container asks for and may use.', {
  limits: f(1, ResourceList, 'Upper bounds of what may be used.'),
  requests: f(2, ResourceList, 'What the scheduler sets aside; defaults to limits.'),
  claims: f(
    3,
    arr(ResourceClaim, { listType: 'map', mapKeys: ['name'] }),
    'Dynamically allocated resources the container uses.',
  ),
});
export type ResourceRequirements = TypeOf<typeof ResourceRequirements>;

export const ContainerResizePolicy = obj(
  'ContainerResizePolicy',
  'What a change of one resource does to a running container.',
  {
    resourceName: req(1, str, 'Resource the policy is for: cpu or memory.'),
    restartPolicy: req(2, oneOf('NotRequired', 'RestartContainer'), 'Whether the container restarts on a change.'),
  },
);
export type ContainerResizePolicy = TypeOf<typeof ContainerResizePolicy>;

export const VolumeResourceRequirements = obj('VolumeResourceRequirements', 'How much storage a claim asks for.', {
  limits: f(1, ResourceList, 'Most storage the volume may offer.'),
  requests: f(2, ResourceList, 'Least storage the volume must offer.'),
});
export type VolumeResourceRequirements = TypeOf<typeof VolumeResourceRequirements>;
