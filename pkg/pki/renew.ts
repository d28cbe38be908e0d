import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { authorityFile, pkiFolder } from './ensure.ts';
import { readPair, readSecret, writePair, writeSecret } from './files.ts';
import { inspectPki } from './inspect.ts';
import { issueCertificate, type PemPair, parseCertificate } from './issue.ts';
import { subjectOf } from './judge.ts';
import { AUTHORITIES, type AuthorityName, type CertificateSpec, type Usage } from './names.ts';

/** RFC 5280 §4.2.1.12 */
const USAGES: Readonly<Record<string, Usage>> = { '1.3.6.1.5.5.7.3.1': 'server', '1.3.6.1.5.5.7.3.2': 'client' };

const isAuthority = (file: string): boolean => AUTHORITIES.some((a) => authorityFile(a) === file);

/** What a certificate says, as what a new one shall say. @throws Error for one that none of the authorities has signed */
function specOf(
  file: string,
  pair: PemPair,
  hosts: readonly string[],
  all: Map<AuthorityName, PemPair>,
): CertificateSpec {
  const cert = parseCertificate(pair.cert);
  const signed = [...all].find(([, a]) => cert.checkIssued(parseCertificate(a.cert)));
  if (!signed) throw new Error(`${file} was signed by none of the cluster's authorities`);
  const usages = (cert.keyUsage ?? []).flatMap((oid) => USAGES[oid] ?? []);
  return { file, authority: signed[0], ...subjectOf(cert), hosts, usages };
}

/** The new certificate and key in every kubeconfig that holds the old ones. */
async function renewKubeconfigs(dir: string, old: PemPair, made: PemPair): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  for (const e of entries.filter((x) => x.isFile() && x.name.endsWith('.conf'))) {
    const path = join(e.parentPath, e.name);
    const text = await readSecret(path);
    if (!text?.includes(base64(old.cert))) continue;
    await writeSecret(
      path,
      text.replace(base64(old.cert), base64(made.cert)).replace(base64(old.key), base64(made.key)),
    );
  }
}

/**
 * Issues certificates anew below `dir`: same authority, subject, hosts and usages, another key. Each is replaced as a whole, so
 * it may be interrupted and repeated. @param files which, below the pki folder; empty: all but the authorities
 * @param now epoch milliseconds. @returns those that were renewed
 */
export async function renewPki(dir: string, files: readonly string[], now: number): Promise<string[]> {
  const folder = pkiFolder(dir);
  const authorities = new Map<AuthorityName, PemPair>();
  for (const name of AUTHORITIES) {
    const pair = await readPair(join(folder, authorityFile(name)));
    if (pair) authorities.set(name, pair);
  }
  const facts = (await inspectPki(dir)).filter((f) => !isAuthority(f.file));
  const chosen = facts.filter((f) => files.length === 0 || files.includes(f.file));
  for (const { file, hosts } of chosen) {
    const path = join(folder, file);
    const old = await readPair(path);
    if (!old) throw new Error(`${file}: the key is missing`);
    const spec = specOf(file, old, hosts, authorities);
    const made = await issueCertificate(spec, authorities.get(spec.authority) as PemPair, now);
    await writePair(path, made);
    await renewKubeconfigs(dir, old, made);
  }
  return chosen.map((f) => f.file);
}
