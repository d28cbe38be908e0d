import { SAFE_SYSCTLS } from '#api/kinds/index.ts';

/** Sysctls a pod has for itself: names, or beginnings of names with a star ("Using sysctls in a Kubernetes Cluster"). */
const OWN = ['kernel.shm*', 'kernel.msg*', 'kernel.sem', 'fs.mqueue.*', 'net.*'] as const;

const SWAPPED: Readonly<Record<string, string>> = { '.': '/', '/': '.' };

/** With dots as separators: a name may be written with slashes, and then a dot is part of a word. Pure. */
export const sysctlName = (name: string): string =>
  /[./]/.exec(name)?.[0] === '/' ? name.replace(/[./]/g, (c) => SWAPPED[c] ?? c) : name;

const covers = (pattern: string, name: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

/**
 * The patterns of `--allowed-unsafe-sysctls`: names, or beginnings with a star. Pure.
 * @throws Error for one that a pod has not for itself
 */
export function parseUnsafeSysctls(text: string): string[] {
  const patterns = text.split(',').filter(Boolean).map(sysctlName);
  for (const p of patterns) {
    if (!OWN.some((own) => covers(own, p)))
      throw new Error(`"${p}" is not of a pod alone: ${OWN.join(', ')} are, and what begins with one that has a star`);
  }
  return patterns;
}

/** Why a pod may not set a sysctl on this node; undefined when it may. Pure. */
export function sysctlRefusal(
  name: string,
  o: { readonly unsafe: readonly string[]; readonly hostNetwork: boolean; readonly hostIpc: boolean },
): string | undefined {
  const sysctl = sysctlName(name);
  if (!SAFE_SYSCTLS.has(sysctl) && !o.unsafe.some((p) => covers(p, sysctl))) return 'not allowlisted';
  const network = sysctl.startsWith('net.');
  if (network ? o.hostNetwork : o.hostIpc) return `not allowed with host ${network ? 'net' : 'ipc'} enabled`;
  return undefined;
}
