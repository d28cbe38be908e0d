import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { documentsIn } from '../documents.ts';
import { CliError } from '../errors.ts';
import { isObject, type Json, type Target } from './resource.ts';

export interface GeneratorOptions {
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly disableNameSuffixHash?: boolean;
  readonly immutable?: boolean;
}

/** An entry of configMapGenerator or secretGenerator. */
export interface GeneratorEntry {
  readonly name?: string;
  readonly namespace?: string;
  readonly behavior?: string;
  readonly files?: readonly string[];
  readonly literals?: readonly string[];
  readonly envs?: readonly string[];
  readonly env?: string;
  readonly type?: string;
  readonly options?: GeneratorOptions;
}

export interface PatchEntry {
  readonly path?: string;
  readonly patch?: string;
  readonly target?: Target;
  readonly options?: { readonly allowNameChange?: boolean; readonly allowKindChange?: boolean };
}

export interface LabelEntry {
  readonly pairs?: Readonly<Record<string, string>>;
  readonly includeSelectors?: boolean;
  readonly includeTemplates?: boolean;
  readonly fields?: readonly { readonly path: string; readonly kind?: string; readonly create?: boolean }[];
}

export interface ImageEntry {
  readonly name: string;
  readonly newName?: string;
  readonly newTag?: string;
  readonly tagSuffix?: string;
  readonly digest?: string;
}

export interface ReplacementEntry {
  readonly path?: string;
  readonly source?: Target & { readonly fieldPath?: string; readonly options?: ReplacementOptions };
  readonly targets?: readonly {
    readonly select?: Target;
    readonly reject?: readonly Target[];
    readonly fieldPaths?: readonly string[];
    readonly options?: ReplacementOptions;
  }[];
}

export interface ReplacementOptions {
  readonly delimiter?: string;
  readonly index?: number;
  readonly create?: boolean;
  readonly encoding?: string;
}

/** A kustomization file (kustomize.config.k8s.io/v1beta1), as far as cox follows it. */
export interface Kustomization {
  readonly kind?: string;
  readonly resources?: readonly string[];
  readonly bases?: readonly string[];
  readonly components?: readonly string[];
  readonly patches?: readonly PatchEntry[];
  readonly patchesStrategicMerge?: readonly string[];
  readonly patchesJson6902?: readonly PatchEntry[];
  readonly configMapGenerator?: readonly GeneratorEntry[];
  readonly secretGenerator?: readonly GeneratorEntry[];
  readonly generatorOptions?: GeneratorOptions;
  readonly images?: readonly ImageEntry[];
  readonly namePrefix?: string;
  readonly nameSuffix?: string;
  readonly namespace?: string;
  readonly labels?: readonly LabelEntry[];
  readonly commonLabels?: Readonly<Record<string, string>>;
  readonly commonAnnotations?: Readonly<Record<string, string>>;
  readonly replicas?: readonly { readonly name: string; readonly count: number }[];
  readonly replacements?: readonly ReplacementEntry[];
  readonly sortOptions?: {
    readonly order?: string;
    readonly legacySortOptions?: { readonly orderFirst?: readonly string[]; readonly orderLast?: readonly string[] };
  };
}

const FILES = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

const FOLLOWED = new Set(
  `apiVersion kind metadata resources bases components patches patchesStrategicMerge patchesJson6902 configMapGenerator
  secretGenerator generatorOptions images namePrefix nameSuffix namespace labels commonLabels commonAnnotations replicas
  replacements sortOptions`.split(/\s+/),
);
/** Fields kustomize has and cox does not follow: better told than passed over. */
const OTHERS = new Set(
  'crds configurations generators transformers validators helmCharts helmGlobals helmChartInflationGenerator openapi vars buildMetadata'.split(
    ' ',
  ),
);

/** Reads the kustomization of a folder. @throws CliError when there is none, several, or one with fields that are not followed */
export function readKustomization(folder: string): { kustomization: Kustomization; root: string } {
  if (!existsSync(folder)) throw new CliError(`the folder "${folder}" does not exist`);
  const root = realpathSync(folder);
  const found = FILES.filter((f) => existsSync(join(root, f)));
  const [name, second] = found;
  if (!name)
    throw new CliError(
      `unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in directory '${root}'`,
    );
  if (second) throw new CliError(`found multiple kustomization files in "${root}": ${found.join(', ')}`);
  const file = join(root, name);
  const value = documentsIn(readFileSync(file, 'utf8'), file)[0] ?? {};
  if (!isObject(value)) throw new CliError(`${file}: a kustomization is a map of fields`);
  check(value, file);
  return { kustomization: value as Kustomization, root };
}

function check(value: Json, file: string): void {
  for (const key of Object.keys(value)) {
    if (FOLLOWED.has(key)) continue;
    if (OTHERS.has(key))
      throw new CliError(`${file}: cox does not follow "${key}"; use kubectl kustomize for this folder`);
    throw new CliError(`invalid Kustomization: json: unknown field "${key}" (${file})`);
  }
  const { kind } = value;
  if (kind !== undefined && kind !== 'Kustomization' && kind !== 'Component')
    throw new CliError(`${file}: kind should be Kustomization or Component, not ${String(kind)}`);
}
