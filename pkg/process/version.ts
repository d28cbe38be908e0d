/** Kubernetes API level we speak; clients decide by it what they may ask for. */
const KUBERNETES = { major: '1', minor: '33', patch: '0' };
export const COXSWAIN_VERSION = '0.1.0';

/** What GET /version answers, in the shape of apimachinery's version.Info. */
export const versionInfo = {
  major: KUBERNETES.major,
  minor: KUBERNETES.minor,
  gitVersion: `v${KUBERNETES.major}.${KUBERNETES.minor}.${KUBERNETES.patch}+coxswain.${COXSWAIN_VERSION}`,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2026-11-20T00:00:00Z',
  goVersion: 'none',
  compiler: `node ${process.version}`,
  platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
} as const;
