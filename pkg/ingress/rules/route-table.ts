import type { RulePath } from './path.ts';
import type { Route } from './types.ts';

/** The paths of one host. Looking one up costs as many steps as the longest prefix has elements. */
class HostRoutes {
  readonly #exact = new Map<string, Route>();
  readonly #prefixes = new Map<string, Route>();
  #longest = 0;
  /** Default backend of an Ingress with rules for this host. */
  fallback: Route | undefined;

  add(path: RulePath, route: Route): Route | undefined {
    const map = path.exact ? this.#exact : this.#prefixes;
    const before = map.get(path.key);
    if (before) return before;
    map.set(path.key, route);
    if (!path.exact) this.#longest = Math.max(this.#longest, path.key.length);
    return undefined;
  }

  /** The longest path that matches; of equally long ones the exact one. */
  match(path: string): Route | undefined {
    const exact = this.#exact.get(path);
    if (exact || this.#prefixes.size === 0) return exact;
    // A prefix ends where an element of the path does.
    let end = path.length;
    while (end > 0 && path[end - 1] === '/') end--;
    if (end > this.#longest) end = path.lastIndexOf('/', this.#longest);
    for (;;) {
      const found = this.#prefixes.get(path.slice(0, end));
      if (found || end <= 0) return found;
      end = path.lastIndexOf('/', end - 1);
    }
  }
}

/** Who answers a request, by host and path ("Ingress": hosts, multiple matches, default backend). */
export class RouteTable {
  readonly #hosts = new Map<string, HostRoutes>();
  /** By what follows the star, such as ".example.com". */
  readonly #wildcards = new Map<string, HostRoutes>();
  readonly #anyHost = new HostRoutes();
  /** Answers what nothing else does. */
  default: Route | undefined;

  #of(host: string): HostRoutes {
    if (host === '') return this.#anyHost;
    const [map, key] = host.startsWith('*.') ? [this.#wildcards, host.slice(1)] : [this.#hosts, host];
    let found = map.get(key);
    if (!found) {
      found = new HostRoutes();
      map.set(key, found);
    }
    return found;
  }

  /** @param host "" for any. @returns the route that has this host and path already; then nothing was added. */
  add(host: string, path: RulePath, route: Route): Route | undefined {
    return this.#of(host).add(path, route);
  }

  /** Sets who answers what no path of this host matches, unless somebody does. */
  addFallback(host: string, route: Route): void {
    this.#of(host).fallback ??= route;
  }

  /** The host as it is named, then under a wildcard, then rules for every host; then default backends in that order. */
  find(host: string, path: string): Route | undefined {
    const named = this.#hosts.get(host);
    const dot = host.indexOf('.');
    const wild = dot > 0 ? this.#wildcards.get(host.slice(dot)) : undefined;
    return (
      named?.match(path) ??
      wild?.match(path) ??
      this.#anyHost.match(path) ??
      named?.fallback ??
      wild?.fallback ??
      this.#anyHost.fallback ??
      this.default
    );
  }
}
