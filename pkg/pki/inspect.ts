import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pkiFolder } from './ensure.ts';
import { parseCertificate } from './issue.ts';
import { subjectOf } from './judge.ts';

export interface CertificateFacts {
  /** Below the pki folder, without extension. */
  readonly file: string;
  readonly subject: string;
  readonly issuer: string;
  readonly hosts: readonly string[];
  /** Epoch milliseconds. */
  readonly expires: number;
}

/** Every certificate below `dir`, by file name. */
export async function inspectPki(dir: string): Promise<CertificateFacts[]> {
  const folder = pkiFolder(dir);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((e) => e.isFile() && e.name.endsWith('.crt')).map((e) => join(e.parentPath, e.name));
  return Promise.all(
    files.sort().map(async (path) => {
      const cert = parseCertificate(await readFile(path, 'utf8'));
      const { commonName, organizations } = subjectOf(cert);
      return {
        file: relative(folder, path).replace(/\.crt$/, ''),
        subject: [commonName, ...organizations.map((o) => `O=${o}`)].join(' '),
        issuer: cert.issuer.replace(/^CN=/, ''),
        hosts: (cert.subjectAltName ?? '')
          .split(', ')
          .filter(Boolean)
          .map((n) => n.replace(/^(DNS|IP Address):/, '')),
        expires: Date.parse(cert.validTo),
      };
    }),
  );
}

/** A table for people: one row a certificate, with the days it still has. */
export function renderInspection(facts: readonly CertificateFacts[], now: number): string {
  const rows = facts.map((f) => [
    f.file,
    f.subject,
    f.issuer,
    new Date(f.expires).toISOString().slice(0, 10),
    String(Math.floor((f.expires - now) / 86_400_000)),
    f.hosts.join(',') || '-',
  ]);
  const table = [['FILE', 'SUBJECT', 'ISSUER', 'EXPIRES', 'DAYS', 'NAMES'], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  return table
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
