/**
 * Metrics as autoscaling/v1 writes them into annotations: one flat object per source instead of an identifier and a
 * target. Named for v1's fields: `targetX` in specs, `currentX` in statuses.
 */
type Json = Record<string, unknown>;

const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);
const asObject = (v: unknown): Json => (isObject(v) ? v : {});
const capital = (s: string): string => s.charAt(0).toUpperCase() + s.slice(1);
const defined = (o: Json): Json => Object.fromEntries(Object.entries(o).filter(([, v]) => v !== undefined));

const SOURCES: ReadonlyMap<unknown, string> = new Map([
  ['Object', 'object'],
  ['Pods', 'pods'],
  ['Resource', 'resource'],
  ['ContainerResource', 'containerResource'],
  ['External', 'external'],
]);
const AMOUNTS = ['value', 'averageValue', 'averageUtilization'] as const;

/** A v2 metric, wanted or current, in v1's words. */
export function metricToV1(metric: object): Json {
  const { type } = metric as { type: string };
  const key = SOURCES.get(type) ?? '';
  const source = asObject((metric as Json)[key]);
  const mode = 'target' in source ? 'target' : 'current';
  const amounts = asObject(source[mode]);
  const identifier = asObject(source.metric);
  const flat: Json = {};
  for (const a of AMOUNTS) if (amounts[a] !== undefined) flat[mode + capital(a)] = amounts[a];
  return {
    type,
    [key]: defined({
      ...flat,
      // An object is itself the target, also of a status.
      target: source.describedObject,
      metricName: identifier.name,
      [type === 'External' ? 'metricSelector' : 'selector']: identifier.selector,
      name: source.name,
      container: source.container,
    }),
  };
}

/** The way back; undefined for what is no metric. */
export function metricFromV1(metric: unknown, mode: 'target' | 'current'): Json | undefined {
  const type = asObject(metric).type;
  const key = SOURCES.get(type);
  const source = key === undefined ? undefined : asObject(metric)[key];
  if (key === undefined || !isObject(source)) return undefined;
  const amounts: Json = {};
  for (const a of AMOUNTS) if (source[mode + capital(a)] !== undefined) amounts[a] = source[mode + capital(a)];
  if (mode === 'target') {
    amounts.type =
      amounts.averageUtilization !== undefined
        ? 'Utilization'
        : amounts.averageValue !== undefined
          ? 'AverageValue'
          : 'Value';
  }
  const identifier = defined({ name: source.metricName, selector: source.selector ?? source.metricSelector });
  return {
    type,
    [key]: defined({
      [mode]: amounts,
      describedObject: type === 'Object' ? source.target : undefined,
      metric: source.metricName === undefined ? undefined : identifier,
      name: source.name,
      container: source.container,
    }),
  };
}
