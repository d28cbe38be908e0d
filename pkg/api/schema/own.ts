/**
 * Sets a property whose name comes from a client. Plain assignment would treat `__proto__` — a legal ConfigMap key — as
 * the prototype and lose it.
 */
export function setOwn(o: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(o, key, { value, enumerable: true, configurable: true, writable: true });
  } else o[key] = value;
}
