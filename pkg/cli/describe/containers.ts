import type { Container, ContainerStatus, Probe, ResourceFieldSelector } from '#api/kinds/index.ts';
import { milliValue } from '#api/meta/quantity.ts';
import { capital, timeText } from './values.ts';
import type { DescriptionWriter } from './writer.ts';

type State = NonNullable<ContainerStatus['state']>;

function state(w: DescriptionWriter, title: string, s: State | undefined): void {
  if (s?.running) {
    w.line(2, title, 'Running');
    w.line(3, 'Started:', timeText(s.running.startedAt));
  } else if (s?.waiting) {
    w.line(2, title, 'Waiting');
    if (s.waiting.reason) w.line(3, 'Reason:', s.waiting.reason);
  } else if (s?.terminated) {
    const t = s.terminated;
    w.line(2, title, 'Terminated');
    if (t.reason) w.line(3, 'Reason:', t.reason);
    if (t.message) w.line(3, 'Message:', t.message.trimEnd());
    w.line(3, 'Exit Code:', t.exitCode ?? 0);
    if (t.signal) w.line(3, 'Signal:', t.signal);
    w.line(3, 'Started:', timeText(t.startedAt));
    w.line(3, 'Finished:', timeText(t.finishedAt));
  } else if (title === 'State:') w.line(2, title, 'Waiting');
}

/** "http-get http://:8080/ delay=0s timeout=1s period=10s #success=1 #failure=3" */
export function probeText(p: Probe): string {
  const n = (v: number | undefined, fallback: number): number => v ?? fallback;
  const attrs = `delay=${n(p.initialDelaySeconds, 0)}s timeout=${n(p.timeoutSeconds, 1)}s period=${n(p.periodSeconds, 10)}s #success=${n(p.successThreshold, 1)} #failure=${n(p.failureThreshold, 3)}`;
  if (p.exec) return `exec [${(p.exec.command ?? []).join(' ')}] ${attrs}`;
  if (p.httpGet) {
    const { scheme = 'HTTP', host = '', port, path = '' } = p.httpGet;
    return `http-get ${scheme.toLowerCase()}://${host}:${port}${path.startsWith('/') ? '' : '/'}${path} ${attrs}`;
  }
  if (p.tcpSocket) return `tcp-socket ${p.tcpSocket.host ?? ''}:${p.tcpSocket.port} ${attrs}`;
  if (p.grpc) return `grpc <pod>:${p.grpc.port} ${p.grpc.service ?? ''} ${attrs}`;
  return `unknown ${attrs}`;
}

function ports(w: DescriptionWriter, c: Container): void {
  const list = c.ports ?? [];
  const many = list.length > 1 ? 's' : '';
  const text = (of: (p: (typeof list)[number]) => number): string =>
    list.map((p) => `${of(p)}/${p.protocol ?? 'TCP'}`).join(', ') || '<none>';
  w.line(2, `Port${many}:`, list.map((p) => `${p.containerPort}/${p.protocol ?? 'TCP'}`).join(', ') || '<none>');
  w.line(
    2,
    `Host Port${many}:`,
    text((p) => p.hostPort ?? 0),
  );
}

function basics(w: DescriptionWriter, c: Container, s: ContainerStatus | undefined): void {
  if (s) w.line(2, 'Container ID:', s.containerID ?? '');
  w.line(2, 'Image:', c.image ?? '');
  if (s) w.line(2, 'Image ID:', s.imageID ?? '');
  ports(w, c);
}

function words(w: DescriptionWriter, title: string, list: readonly string[] | undefined): void {
  if (!list || list.length === 0) return;
  w.line(2, title);
  for (const word of list) for (const part of word.split('\n')) w.line(3, part);
}

function resources(w: DescriptionWriter, c: Container): void {
  for (const [title, map] of [
    ['Limits:', c.resources?.limits],
    ['Requests:', c.resources?.requests],
  ] as const) {
    const entries = Object.entries(map ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    if (entries.length === 0) continue;
    w.line(2, title);
    for (const [name, quantity] of entries) w.line(3, `${name}:`, String(quantity));
  }
}

function variables(w: DescriptionWriter, c: Container): void {
  for (const from of c.envFrom ?? []) {
    if (from === c.envFrom?.[0]) w.line(2, 'Environment Variables from:');
    const [kind, source] = from.configMapRef ? ['ConfigMap', from.configMapRef] : ['Secret', from.secretRef];
    const prefix = from.prefix ? ` with prefix '${from.prefix}'` : '';
    w.line(3, source?.name ?? '', `${kind}${prefix}`, `Optional: ${source?.optional ?? false}`);
  }
  const env = c.env ?? [];
  if (env.length === 0) {
    w.line(2, 'Environment:', '<none>');
    return;
  }
  w.line(2, 'Environment:');
  for (const e of env) {
    const from = e.valueFrom;
    if (!from)
      for (const [i, part] of (e.value ?? '').split('\n').entries()) w.line(3, i === 0 ? `${e.name}:` : '', part);
    else if (from.fieldRef)
      w.line(3, `${e.name}:`, ` (${from.fieldRef.apiVersion ?? 'v1'}:${from.fieldRef.fieldPath})`);
    else if (from.resourceFieldRef) w.line(3, `${e.name}:`, resourceText(c, from.resourceFieldRef));
    else if (from.secretKeyRef) w.line(3, `${e.name}:`, keyText(from.secretKeyRef, 'in secret'));
    else if (from.configMapKeyRef) w.line(3, `${e.name}:`, keyText(from.configMapKeyRef, 'of config map'));
  }
}

/** "100 (limits.memory)": what the variable will be, rounded up to the divisor. */
function resourceText(c: Container, { resource, divisor }: ResourceFieldSelector): string {
  const [which = '', name = ''] = resource.split(/\.(.*)/s);
  const amounts = (which === 'limits' ? c.resources?.limits : c.resources?.requests) as
    | Record<string, string>
    | undefined;
  const unit = milliValue(String(divisor ?? '1')) || 1000;
  const value = Math.ceil(milliValue(String(amounts?.[name] ?? '0')) / unit);
  const whole = value === 0 && (resource === 'limits.cpu' || resource === 'limits.memory');
  return `${whole ? 'node allocatable' : value} (${resource})`;
}

const keyText = (r: { key: string; name?: string; optional?: boolean }, where: string): string =>
  `<set to the key '${r.key}' ${where} '${r.name ?? ''}'>\tOptional: ${r.optional ?? false}`;

function mounts(w: DescriptionWriter, c: Container): void {
  const list = [...(c.volumeMounts ?? [])].sort((a, b) => (a.mountPath < b.mountPath ? -1 : 1));
  if (list.length === 0) {
    w.line(2, 'Mounts:', '<none>');
    return;
  }
  w.line(2, 'Mounts:');
  for (const m of list) {
    const flags = [m.readOnly ? 'ro' : 'rw', ...(m.subPath ? [`path="${m.subPath}"`] : [])];
    w.line(3, `${m.mountPath} from ${m.name} (${flags.join(',')})`);
  }
}

/** The containers of a pod or, without `statuses`, of a template. */
export function containers(
  w: DescriptionWriter,
  title: string,
  list: readonly Container[],
  statuses?: readonly ContainerStatus[],
): void {
  // Those of a template stand within it; what is said of them stands where it does for a pod.
  const level = statuses ? 0 : 1;
  if (list.length === 0) {
    if (title === 'Containers:') w.line(level, title, '<none>');
    return;
  }
  w.line(level, title);
  for (const c of list) {
    const s = statuses?.find((x) => x.name === c.name);
    w.line(1, `${statuses ? '' : ' '}${c.name}:`);
    basics(w, c, s);
    words(w, 'Command:', c.command);
    words(w, 'Args:', c.args);
    if (s) {
      state(w, 'State:', s.state);
      state(w, 'Last State:', s.lastState);
      w.line(2, 'Ready:', capital(s.ready));
      w.line(2, 'Restart Count:', s.restartCount);
    }
    resources(w, c);
    if (c.livenessProbe) w.line(2, 'Liveness:', probeText(c.livenessProbe));
    if (c.readinessProbe) w.line(2, 'Readiness:', probeText(c.readinessProbe));
    if (c.startupProbe) w.line(2, 'Startup:', probeText(c.startupProbe));
    variables(w, c);
    mounts(w, c);
  }
}
