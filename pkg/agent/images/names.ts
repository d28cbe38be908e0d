/**
 * An image as Docker lists it: "busybox" → "busybox:latest", "docker.io/library/busybox:1" → "busybox:1",
 * "r.io/a:1@sha256:…" → "r.io/a@sha256:…".
 */
export function tagged(image: string): string {
  const name = image
    .replace(/^(?:index\.)?docker\.io\//, '')
    .replace(/^library\/(?=[^/]+$)/, '')
    .replace(/:[^/:@]+(?=@)/, '');
  return /[@:][^/]*$/.test(name) ? name : `${name}:latest`;
}
