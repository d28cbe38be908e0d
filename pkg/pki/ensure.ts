import { join } from 'node:path';
import { readPair, readSecret, writePair, writeSecret } from './files.ts';
import { createAuthority, createTokenKeys, issueCertificate, type PemPair } from './issue.ts';
import { whyReissue, whyReplaceAuthority } from './judge.ts';
import { renderKubeconfig } from './kubeconfig.ts';
import { AUTHORITIES, type AuthorityName, type CertificateSpec, type KubeconfigSpec, type PkiPlan } from './names.ts';

/** One thing that was made, and why: "missing", "ends on …". */
export interface Issued {
  readonly file: string;
  readonly why: string;
}

type Authorities = Readonly<Record<AuthorityName, PemPair>>;

/** Folder of certificates and keys below the cluster folder. */
export const pkiFolder = (dir: string): string => join(dir, 'pki');
export const authorityFile = (name: AuthorityName): string => `${name}-ca`;

/**
 * Makes what is missing or no longer good below `dir` and keeps the rest, so it can run before every start.
 * Every file is readable by its owner alone. @param now epoch milliseconds. @returns what was made; empty when all was well.
 */
export async function ensurePki(dir: string, plan: PkiPlan, now: number): Promise<Issued[]> {
  const issued: Issued[] = [];
  const folder = pkiFolder(dir);
  const authorities = await ensureAuthorities(folder, now, issued);
  const pairs = new Map<string, PemPair>();
  for (const spec of plan.certificates) {
    pairs.set(
      spec.file,
      await ensureCertificate({ folder, spec, authority: authorities[spec.authority] }, now, issued),
    );
  }
  await ensureTokenKeys(folder, issued);
  for (const spec of plan.kubeconfigs) {
    await ensureKubeconfig({ dir, spec, user: pairs.get(spec.certificate) }, authorities.apiserver.cert, issued);
  }
  return issued;
}

async function ensureAuthorities(folder: string, now: number, issued: Issued[]): Promise<Authorities> {
  const all: Partial<Record<AuthorityName, PemPair>> = {};
  for (const name of AUTHORITIES) {
    const file = authorityFile(name);
    const path = join(folder, file);
    const present = await readPair(path);
    const why = present ? whyReplaceAuthority(present, now) : 'missing';
    if (present && why === undefined) {
      all[name] = present;
      continue;
    }
    const made = await createAuthority(`coxswain-${file}`, now);
    await writePair(path, made);
    issued.push({ file, why: why ?? 'missing' });
    all[name] = made;
  }
  return all as Authorities;
}

async function ensureCertificate(
  target: { folder: string; spec: CertificateSpec; authority: PemPair },
  now: number,
  issued: Issued[],
): Promise<PemPair> {
  const { spec, authority } = target;
  const path = join(target.folder, spec.file);
  const present = await readPair(path);
  const why = present ? whyReissue(spec, present, { authority, now: now }) : 'missing';
  if (present && why === undefined) return present;
  const made = await issueCertificate(spec, authority, now);
  await writePair(path, made);
  issued.push({ file: spec.file, why: why ?? 'missing' });
  return made;
}

async function ensureTokenKeys(folder: string, issued: Issued[]): Promise<void> {
  const privateFile = join(folder, 'service-account.key');
  const publicFile = join(folder, 'service-account.pub');
  const [key, pub] = await Promise.all([readSecret(privateFile), readSecret(publicFile)]);
  if (key !== undefined && pub !== undefined) return;
  const made = createTokenKeys();
  await writeSecret(privateFile, made.privateKey);
  await writeSecret(publicFile, made.publicKey);
  issued.push({ file: 'service-account', why: 'missing' });
}

async function ensureKubeconfig(
  target: { dir: string; spec: KubeconfigSpec; user: PemPair | undefined },
  rootCa: string,
  issued: Issued[],
): Promise<void> {
  const { spec, user } = target;
  if (!user) throw new Error(`${spec.file}: the plan has no certificate ${spec.certificate}`);
  const path = join(target.dir, spec.file);
  const wanted = renderKubeconfig(spec, user, rootCa);
  const present = await readSecret(path);
  if (present === wanted) return;
  await writeSecret(path, wanted);
  issued.push({ file: spec.file, why: present === undefined ? 'missing' : 'changed' });
}
