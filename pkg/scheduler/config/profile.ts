import { duplicate, invalid, notSupported } from '#api/meta/fielderrors.ts';
import { UserError } from '#process/user-error.ts';
import type { Plugin } from '../framework/plugin.ts';
import { POINTS, type Point, restricted } from '../framework/points.ts';
import type { PluginArgs, PreemptionArgs } from '../plugins/args.ts';
import { PLUGINS } from '../plugins/registry.ts';
import { type Fields, wrong } from './fields.ts';
import { withArgs } from './plugin-args.ts';

/** How pods of one `spec.schedulerName` are scheduled. */
export interface Profile {
  readonly schedulerName: string;
  /** In the order in which they filter. */
  readonly plugins: readonly Plugin[];
  /** Percent; 0: by the size of the cluster. */
  readonly percentageOfNodesToScore: number;
  /** null: pods do not push out others. */
  readonly preemption: PreemptionArgs | null;
  /** null: claims that wait for a node are left alone. */
  readonly volumeBinding: PluginArgs['VolumeBinding'] | null;
}

/** A plugin at a point; without weight: that of the default profile, or 1. */
interface Chosen {
  readonly name: string;
  readonly weight?: number | undefined;
}
interface PluginSet {
  readonly path: string;
  readonly enabled: readonly Chosen[];
  readonly disabled: ReadonlySet<string>;
}

const ALL = '*';
const EVERYTHING: readonly Chosen[] = Object.keys(PLUGINS).map((name) => ({ name }));

function chosenAt(fields: Fields, point: Point | 'multiPoint'): Chosen {
  const name = fields.requiredText('name');
  const weight = fields.count('weight', { min: 0 }) || undefined;
  fields.done();
  const plugin = PLUGINS[name];
  if (!plugin) throw wrong(notSupported(fields.at('name'), name, Object.keys(PLUGINS)));
  if (point !== 'multiPoint' && !plugin.points.includes(point)) {
    throw wrong(invalid(fields.at('name'), name, `the plugin does nothing at ${point}`));
  }
  if (weight !== undefined && !plugin.points.includes('score')) {
    throw wrong(invalid(fields.at('weight'), weight, `the plugin ${name} gives no score`));
  }
  return { name, weight };
}

function setOf(plugins: Fields | undefined, point: Point | 'multiPoint'): PluginSet {
  const fields = plugins?.map(point);
  if (!fields) return { path: point, enabled: [], disabled: new Set() };
  const enabled = fields.maps('enabled').map((f) => chosenAt(f, point));
  const disabled = fields.maps('disabled').map((f) => {
    const name = f.requiredText('name');
    f.ignore('weight');
    f.done();
    if (name !== ALL && !PLUGINS[name]) throw wrong(notSupported(f.at('name'), name, [...Object.keys(PLUGINS), ALL]));
    return name;
  });
  fields.done();
  for (const [i, { name }] of enabled.entries()) {
    if (enabled.findIndex((e) => e.name === name) !== i) throw wrong(duplicate(`${fields.at('enabled')}[${i}]`, name));
  }
  return { path: fields.path, enabled, disabled: new Set(disabled) };
}

/** The defaults without those disabled; one enabled again takes its place with its new weight, new ones come after. */
function onTopOf(defaults: readonly Chosen[], { enabled, disabled }: PluginSet): Chosen[] {
  const kept = defaults.filter((d) => !disabled.has(ALL) && !disabled.has(d.name));
  const merged = kept.map((d) => enabled.find((e) => e.name === d.name) ?? d);
  return [...merged, ...enabled.filter((e) => !kept.some((k) => k.name === e.name))];
}

/** What is named for the point goes before what is there by multiPoint; what only the point names comes last. */
function atPoint(point: Point, everywhere: readonly Chosen[], { enabled, disabled }: PluginSet): Chosen[] {
  const multi = everywhere.filter(
    ({ name }) => PLUGINS[name]?.points.includes(point) && !disabled.has(ALL) && !disabled.has(name),
  );
  const inMulti = (c: Chosen): boolean => multi.some((m) => m.name === c.name);
  const named = (c: Chosen): boolean => enabled.some((e) => e.name === c.name);
  return [...enabled.filter(inMulti), ...multi.filter((c) => !named(c)), ...enabled.filter((e) => !inMulti(e))];
}

type Layout = Readonly<Record<Point, readonly Chosen[]>>;

function layoutOf(plugins: Fields | undefined): Layout {
  const everywhere = onTopOf(EVERYTHING, setOf(plugins, 'multiPoint'));
  const layout = Object.fromEntries(
    POINTS.map((p) => [p, atPoint(p as Point, everywhere, setOf(plugins, p as Point))]),
  ) as unknown as Layout;
  plugins?.done();
  return layout;
}

/** What the scheduler cannot do without, or more than once. */
function checkLayout(layout: Layout, path: string): void {
  for (const point of ['queueSort', 'bind'] as const) {
    if (layout[point].length === 0)
      throw new UserError(`${path}.plugins.${point}: a plugin is needed, all are disabled`);
  }
}

function pluginsOf(layout: Layout, args: PluginArgs): Plugin[] {
  const order = [...layout.filter, ...layout.score, ...layout.preEnqueue, ...layout.preFilter].map((c) => c.name);
  return [...new Set(order)].flatMap((name) => {
    const plugin = PLUGINS[name]?.make?.(args);
    if (!plugin) return [];
    const points = POINTS.filter((p) => layout[p as Point].some((c) => c.name === name)) as Point[];
    const weight = layout.score.find((c) => c.name === name)?.weight ?? (PLUGINS[name]?.weight || 1);
    return restricted(plugin, new Set(points), weight);
  });
}

export interface SharedSettings {
  readonly percentageOfNodesToScore: number;
  /** Resources that extenders manage alone. */
  readonly ignoredResources: readonly string[];
}

/** One entry of `profiles`. @throws UserError naming the field that is wrong */
export function profileOf(fields: Fields, shared: SharedSettings): Profile {
  const schedulerName = fields.text('schedulerName') || 'default-scheduler';
  const percent = fields.count('percentageOfNodesToScore', { min: 0, max: 100 });
  const layout = layoutOf(fields.map('plugins'));
  checkLayout(layout, fields.path);
  const args = withArgs(fields.maps('pluginConfig'), shared.ignoredResources);
  fields.done();
  const has = (point: Point, name: string): boolean => layout[point].some((c) => c.name === name);
  return {
    schedulerName,
    plugins: pluginsOf(layout, args),
    percentageOfNodesToScore: percent ?? shared.percentageOfNodesToScore,
    preemption: has('postFilter', 'DefaultPreemption') ? args.DefaultPreemption : null,
    volumeBinding: has('preBind', 'VolumeBinding') && has('reserve', 'VolumeBinding') ? args.VolumeBinding : null,
  };
}
