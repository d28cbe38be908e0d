import { duplicate, type FieldError, invalid } from '../../../meta/fielderrors.ts';
import { familyOf } from '../../../meta/ip.ts';
import { ipAddress, isAddress } from '../../check/check.ts';
import type { PodStatus } from './status.ts';

/** Every address a pod has, the primary one first. */
export function podAddresses({ status }: { readonly status?: PodStatus | undefined }): string[] {
  const all = (status?.podIPs ?? []).flatMap(({ ip }) => ip || []);
  return all.length > 0 || !status?.podIP ? all : [status.podIP];
}

function validateList(path: string, list: readonly { readonly ip?: string }[]): FieldError[] {
  const ips = list.map(({ ip = '' }) => ip);
  const found = ips.flatMap((ip, i) => ipAddress(`${path}[${i}]`, ip));
  for (const [i, ip] of ips.entries()) if (ips.indexOf(ip) < i) found.push(duplicate(`${path}[${i}]`, list[i]));
  const valid = ips.filter(isAddress);
  if (new Set(valid.map(familyOf)).size < valid.length) {
    found.push(invalid(path, list, 'may specify no more than one IP for each IP family'));
  }
  return found;
}

/** Addresses of a pod and of its node, one of each family; the older single field is the first of them. */
export function validateAddresses({ hostIP, hostIPs = [], podIPs = [] }: PodStatus): FieldError[] {
  const found = [...validateList('status.podIPs', podIPs), ...validateList('status.hostIPs', hostIPs)];
  const first = hostIPs[0]?.ip;
  if (first !== undefined && first !== hostIP) {
    found.push(invalid('status.hostIPs[0].ip', first, 'must be equal to `hostIP`'));
  }
  return found;
}

/** The single address of old leads where both are given and differ; each is filled in from the other. */
export function alignAddresses(status: PodStatus): void {
  const { podIP, podIPs } = status;
  const first = podIPs?.[0]?.ip;
  if (podIP && podIP !== first) status.podIPs = [{ ip: podIP }];
  else if (!podIP && first) status.podIP = first;
}
