import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toYaml } from '#api/yaml.ts';
import { CliError } from '../errors.ts';
import { buildFolder } from './build.ts';

export interface KustomizeFlags {
  readonly output?: string;
  readonly loadRestrictor?: string;
}

const RESTRICTORS = ['LoadRestrictionsRootOnly', 'LoadRestrictionsNone'];

/** `cox kustomize [FOLDER]`: prints what a kustomization builds, or writes it to a file or folder. */
export function kustomize(out: (text: string) => void, args: readonly string[], o: KustomizeFlags): void {
  const [folder = '.', extra] = args;
  if (extra !== undefined) throw new CliError('specify one path to a kustomization directory');
  const restrictor = o.loadRestrictor ?? 'LoadRestrictionsRootOnly';
  if (!RESTRICTORS.includes(restrictor))
    throw new CliError(
      `illegal flag value --load-restrictor ${restrictor}; legal values: ${JSON.stringify(RESTRICTORS)}`,
    );
  const objects = buildFolder(folder, { anywhere: restrictor === 'LoadRestrictionsNone' });
  if (!o.output) {
    out(objects.map(toYaml).join('---\n'));
    return;
  }
  if (!statSync(o.output, { throwIfNoEntry: false })?.isDirectory()) {
    writeFileSync(o.output, objects.map(toYaml).join('---\n'));
    return;
  }
  for (const x of objects) {
    const type = `${(x.apiVersion ?? '').replace('/', '_')}_${x.kind ?? ''}`.toLowerCase();
    writeFileSync(join(o.output, `${type}_${x.metadata?.name}.yaml`), toYaml(x));
  }
}
