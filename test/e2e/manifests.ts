import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from '../bed/cluster.ts';
import { repository } from '../bed/layout.ts';

/** The workload `make up` shows, as users see it. */
export const HELLO = readFileSync(join(repository, 'deploy/examples/hello.yaml'), 'utf8');

export const manifest = {
  /** A pod that does nothing, on one node. */
  sleeper: (name: string, node?: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: sleeper } }
spec:
  ${node ? `nodeSelector: { kubernetes.io/hostname: ${node} }` : ''}
  terminationGracePeriodSeconds: 1
  containers:
  - { name: main, image: 'coxswain/busybox:1', imagePullPolicy: Never, command: [sleep, '3600'] }
`,
  /**
   * A web server on port 8080 (named http) that tells whom it sees: "<client address> <pod>".
   * @param o dualStack: at addresses of both families
   */
  whoami: (name: string, o: { node?: string; labels: Record<string, string>; dualStack?: boolean }): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: ${JSON.stringify(o.labels)} }
spec:
  ${o.node ? `nodeSelector: { kubernetes.io/hostname: ${o.node} }` : ''}
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: coxswain/busybox:1
    imagePullPolicy: Never
    ports: [{ name: http, containerPort: 8080 }]
    readinessProbe: { tcpSocket: { port: http }, periodSeconds: 1, timeoutSeconds: 10 }
    command: [sh, -c]
    args:
    - |
      mkdir -p /www/cgi-bin
      cat > /www/cgi-bin/whoami <<"END"
      #!/bin/sh
      printf "Content-Type: text/plain\\r\\n\\r\\n$REMOTE_ADDR $HOSTNAME\\n"
      END
      chmod +x /www/cgi-bin/whoami
      exec httpd -f -p ${o.dualStack ? "'[::]:8080'" : '0.0.0.0:8080'} -h /www
`,
};

/** What tests read of a pod. */
export interface PodView {
  metadata: { name: string; uid: string; deletionTimestamp?: string };
  spec: { nodeName?: string };
  status: {
    phase: string;
    podIP: string;
    containerStatuses?: { containerID: string; restartCount: number; ready: boolean }[];
  };
}

/** Pods with these labels that are not being deleted. */
export async function podsOf(cluster: Cluster, selector: string, namespace = 'default'): Promise<PodView[]> {
  const text = await cluster.get('pods', '-n', namespace, '-l', selector, '-o', 'json');
  return (JSON.parse(text) as { items: PodView[] }).items.filter((p) => !p.metadata.deletionTimestamp);
}
