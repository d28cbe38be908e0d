import type { Command } from 'commander';
import type { KubeObject } from '#api/meta/objectmeta.ts';
import { pathOf } from '../api/discovery.ts';
import type { CliContext, GlobalOptions } from '../context.ts';
import { openContext } from '../context.ts';
import type { Session } from '../program/session.ts';
import { commandsOf, flagsOf, type Line, readLine, type Word } from './line.ts';

/** Somebody waits with a finger on the key: what is not there by now is not shown. */
const LIMIT_MS = 1_000;
/** More names than this help nobody. */
const MAX_NAMES = 500;

const NAMES = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';

const words = (...texts: string[]): Word[] => texts.map((text) => ({ text }));

/** A source of words; "files" leaves it to the shell. */
type Source = (line: Line, ctx: () => Promise<CliContext>) => Promise<Word[] | 'files'>;

async function namesOf(ctx: CliContext, type: string): Promise<string[]> {
  const resource = await (await ctx.discovery()).find(type);
  const { items } = await ctx.rest.json<{ items: KubeObject[] }>({
    path: pathOf(resource, ctx.namespace),
    query: { limit: MAX_NAMES },
    accept: NAMES,
  });
  return items.map((i) => i.metadata?.name ?? '');
}

/** Names of one type. */
const named =
  (type: string): Source =>
  async (_line, ctx) =>
    words(...(await namesOf(await ctx(), type)));

async function types(ctx: CliContext, verb: string): Promise<Word[]> {
  const all = (await ctx.discovery()).known;
  const listed = all.filter((r) => r.verbs.includes(verb));
  return words(...new Set(listed.map((r) => r.plural)));
}

/** TYPE, then NAME…, or TYPE/NAME. */
const typed: Source = async (line, ctx) => {
  const [type, name] = line.current.split('/');
  if (name !== undefined && type) return words(...(await namesOf(await ctx(), type)).map((n) => `${type}/${n}`));
  const [first] = line.args;
  if (!first) return types(await ctx(), 'list');
  if (first.includes('/')) return [];
  const taken = new Set(line.args.slice(1));
  return words(...(await namesOf(await ctx(), first.split(',')[0] ?? first)).filter((n) => !taken.has(n)));
};

/** A pod by name, or TYPE/NAME of something that has pods. */
const podOrOwner: Source = async (line, ctx) => {
  if (line.args.length > 0) return [];
  if (line.current.includes('/')) return typed(line, ctx);
  const owners = words('deployments/', 'statefulsets/', 'daemonsets/', 'services/', 'jobs/', 'replicasets/');
  return [...words(...(await namesOf(await ctx(), 'pods'))), ...(line.current === '' ? [] : owners)];
};

/** Workloads that are rolled out. */
const rolledOut: Source = async (line, ctx) =>
  line.args.length === 0 && !line.current.includes('/')
    ? words('deployments', 'daemonsets', 'statefulsets')
    : typed(line, ctx);

const contexts: Source = async (line) => {
  const { ConfigFiles } = await import('../kubeconfig/files.ts');
  return words(...new ConfigFiles(line.flags.get('--kubeconfig')).merged.entries.contexts.keys());
};

const containers: Source = async (line, ctx) => {
  const [target = ''] = line.args;
  const { podsOf } = await import('../commands/pods-of.ts');
  const [pod] = await podsOf(await ctx(), [target], undefined);
  const all = [
    ...(pod?.spec?.containers ?? []),
    ...(pod?.spec?.initContainers ?? []),
    ...(pod?.spec?.ephemeralContainers ?? []),
  ];
  return words(...all.map((c) => c.name));
};

const files: Source = () => Promise.resolve('files');
const formats: Source = () =>
  Promise.resolve(words('json', 'yaml', 'name', 'wide', 'jsonpath=', 'custom-columns=', 'go-template='));

/** Values of flags, by name. */
const FLAGS: Readonly<Record<string, Source>> = {
  '--namespace': named('namespaces'),
  '--context': contexts,
  '--container': containers,
  '--output': formats,
  '--filename': files,
  '--kustomize': files,
  '--kubeconfig': files,
  '--patch-file': files,
  '--dry-run': () => Promise.resolve(words('none', 'client', 'server')),
  '--cascade': () => Promise.resolve(words('background', 'foreground', 'orphan')),
  '--type': () => Promise.resolve(words('strategic', 'merge', 'json')),
  '--sort-by': (line) => Promise.resolve(line.path[0] === 'top' ? words('cpu', 'memory') : []),
};

/** Arguments of commands, by their words. */
const ARGUMENTS: Readonly<Record<string, Source>> = {
  ...Object.fromEntries(
    'get describe delete edit label annotate patch scale autoscale expose wait why tree'
      .split(' ')
      .map((c) => [c, typed]),
  ),
  ...Object.fromEntries(
    'image env resources selector serviceaccount subject'.split(' ').map((c) => [`set ${c}`, typed]),
  ),
  ...Object.fromEntries('status history undo restart pause resume'.split(' ').map((c) => [`rollout ${c}`, rolledOut])),
  ...Object.fromEntries('logs exec attach port-forward debug'.split(' ').map((c) => [c, podOrOwner])),
  ...Object.fromEntries('cordon uncordon drain'.split(' ').map((c) => [c, named('nodes')])),
  'top node': named('nodes'),
  'top pod': named('pods'),
  'certificate approve': named('certificatesigningrequests'),
  'certificate deny': named('certificatesigningrequests'),
  'create token': named('serviceaccounts'),
  'config use-context': contexts,
  'config delete-context': contexts,
  'config rename-context': contexts,
  'config get-contexts': contexts,
  taint: async (line, ctx) => (line.args.length === 0 ? words('nodes') : named('nodes')(line, ctx)),
  explain: async (_line, ctx) => types(await ctx(), 'get'),
  completion: () => Promise.resolve(words('bash', 'zsh', 'fish')),
  kustomize: files,
  cp: async (line, ctx) => {
    const pods = (await named('pods')(line, ctx)) as Word[];
    const matching = pods.filter((p) => p.text.startsWith(line.current) && line.current !== '');
    return matching.length > 0 ? matching.map((p) => ({ text: `${p.text}:` })) : 'files';
  },
};

function sourceOf(line: Line): Source | undefined {
  if (line.flag) return FLAGS[line.flag.long ?? ''];
  return ARGUMENTS[line.path.join(' ')];
}

async function candidates(line: Line, ctx: () => Promise<CliContext>): Promise<Word[] | 'files'> {
  if (line.foreign) return 'files';
  if (!line.flag && line.current.startsWith('-')) return flagsOf(line.command);
  const below = line.flag || line.args.length > 0 ? [] : commandsOf(line.command);
  if (below.length > 0) return below;
  return (await sourceOf(line)?.(line, ctx)) ?? [];
}

const optionsOf = ({ flags }: Line): GlobalOptions =>
  Object.fromEntries(
    ['namespace', 'context', 'kubeconfig', 'server', 'token', 'as'].flatMap((name) => {
      const value = flags.get(`--${name}`);
      return value === undefined ? [] : [[name, value]];
    }),
  );

/** `cox __complete WORDS…`: what the last word may become, for the scripts of `cox completion`. */
export async function complete(program: Command, session: Session, typed: readonly string[]): Promise<void> {
  const line = readLine(program, typed);
  let opened: CliContext | undefined;
  const signal = AbortSignal.any([session.signal, AbortSignal.timeout(LIMIT_MS)]);
  const open = async (): Promise<CliContext> => {
    opened ??= await openContext(optionsOf(line), { out: () => {}, err: () => {}, signal });
    return opened;
  };
  const late = new Promise<Word[]>((resolve) => signal.addEventListener('abort', () => resolve([]), { once: true }));
  // A server that is away or an object that is gone is no reason to write into somebody's command line.
  const found = await Promise.race([candidates(line, open).catch(() => []), late]);
  opened?.rest.close();
  if (found === 'files') {
    session.out(':files\n');
    return;
  }
  const fitting = found.filter((w) => w.text.startsWith(line.current));
  const text = (w: Word): string => `${line.prefix}${w.text}${w.about ? `\t${w.about}` : ''}\n`;
  session.out(`${fitting.map(text).join('')}:words\n`);
}
