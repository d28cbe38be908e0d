import { readFile } from 'node:fs/promises';
import type { AppArmorProfile, Container, Pod } from '#api/kinds/index.ts';
import { allContainers } from './containers.ts';
import type { Failure } from './deadline.ts';

/** Of before there was a field: container.apparmor.security.beta.kubernetes.io/<container>: localhost/<profile>. */
const ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';
const LOCALHOST = 'localhost/';

type Profile = Pick<AppArmorProfile, 'type' | 'localhostProfile'>;

function annotated(text: string | undefined): Profile | undefined {
  if (text === undefined) return undefined;
  if (text.startsWith(LOCALHOST)) return { type: 'Localhost', localhostProfile: text.slice(LOCALHOST.length) };
  return text === 'unconfined' ? { type: 'Unconfined' } : { type: 'RuntimeDefault' };
}

/** The profile a container asks for: by its own field, its annotation, or that of its pod. */
const profileOf = (pod: Pod, c: Container): Profile | undefined =>
  c.securityContext?.appArmorProfile ??
  annotated(pod.metadata?.annotations?.[ANNOTATION + c.name]) ??
  pod.spec?.securityContext?.appArmorProfile;

/**
 * The AppArmor profile of a container as the runtime takes it ("Restrict a Container's Access to Resources with AppArmor"):
 * a name, 'unconfined', or '' for the runtime's own. Pure.
 */
export function appArmorOf(pod: Pod, c: Container): string {
  const profile = profileOf(pod, c);
  if (c.securityContext?.privileged || profile?.type === 'Unconfined') return 'unconfined';
  return profile?.type === 'Localhost' ? (profile.localhostProfile ?? '') : '';
}

/** Why a pod cannot be confined as it asks. Pure. @param enabled whether this kernel has AppArmor, and it is on */
export function appArmorRefusal(pod: Pod, enabled: boolean): Failure | undefined {
  const asks = (p: Profile | undefined): boolean => p !== undefined && p.type !== 'Unconfined';
  if (enabled || !allContainers(pod).some((c) => asks(profileOf(pod, c)))) return undefined;
  const message = 'Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host';
  return { reason: 'AppArmor', message };
}

/** Whether AppArmor confines processes of this machine. */
export const appArmorEnabled = (): Promise<boolean> =>
  readFile('/sys/module/apparmor/parameters/enabled', 'utf8').then(
    (text) => text.startsWith('Y'),
    () => false,
  );
