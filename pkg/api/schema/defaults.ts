import { copyJson } from '../meta/copy.ts';
import { jsonFields } from './decode.ts';
import { type ObjectSchema, resolveLazy, type Schema } from './schema.ts';

type Filler = (value: Record<string, unknown>) => void;

/** Compiled per schema: null when nothing below it has a default. */
const fillers = new WeakMap<ObjectSchema, Filler | null>();

function needsFilling(schema: Schema, seen: Set<ObjectSchema>): boolean {
  const s = resolveLazy(schema);
  if (s.kind === 'array') return needsFilling(s.items, seen);
  if (s.kind === 'map') return needsFilling(s.values, seen);
  if (s.kind !== 'object' || seen.has(s)) return false;
  seen.add(s);
  return Object.values(jsonFields(s)).some((f) => f.default !== undefined || needsFilling(f.schema, seen));
}

function fillInside(schema: Schema): ((value: unknown) => void) | null {
  if (!needsFilling(schema, new Set())) return null;
  const s = resolveLazy(schema);
  if (s.kind === 'object') {
    return (v) => fillerOf(s)?.(v as Record<string, unknown>);
  }
  const inner = fillInside(s.kind === 'array' ? s.items : s.kind === 'map' ? s.values : s);
  if (!inner) return null;
  return s.kind === 'array' ? (v) => (v as unknown[]).forEach(inner) : (v) => Object.values(v as object).forEach(inner);
}

function fillerOf(schema: ObjectSchema): Filler | null {
  const known = fillers.get(schema);
  if (known !== undefined) return known;
  // Set first, so that recursive schemas find it.
  let steps: Filler[] = [];
  const filler: Filler = (v) => {
    for (const step of steps) step(v);
  };
  fillers.set(schema, filler);
  steps = Object.entries(jsonFields(schema)).flatMap(([name, field]) => {
    const own: Filler[] = [];
    const preset = field.default;
    if (preset !== undefined) {
      own.push((v) => {
        if (v[name] === undefined) v[name] = typeof preset === 'object' ? copyJson(preset) : preset;
      });
    }
    const inside = fillInside(field.schema);
    if (inside) {
      own.push((v) => {
        if (v[name] !== undefined) inside(v[name]);
      });
    }
    return own;
  });
  if (steps.length === 0) fillers.set(schema, null);
  return fillers.get(schema) ?? null;
}

/** Fills absent fields that have a constant default, at every depth that is present. Changes `object`. */
export function applyDefaults(schema: ObjectSchema, object: object): void {
  fillerOf(schema)?.(object as Record<string, unknown>);
}
