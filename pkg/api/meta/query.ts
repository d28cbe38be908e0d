/**
 * How Kubernetes reads a boolean of a query: whatever is there and neither "0" nor "false" in any case means yes, also an
 * empty value. With several names, any of them.
 */
export function isSet(query: URLSearchParams, ...names: string[]): boolean {
  return names.some((name) => {
    const value = query.get(name);
    return value !== null && value !== '0' && value.toLowerCase() !== 'false';
  });
}
