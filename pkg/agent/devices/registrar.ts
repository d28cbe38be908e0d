import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { qualifiedName } from '#api/meta/names.ts';
import { GrpcServer } from '#grpc/server.ts';
import { decode, Empty, encode, RegisterRequest } from './messages.ts';

const VERSION = 'v1beta1';
const SOCKET = 'kubelet.sock';

/** Why a plugin is not taken; undefined when it is. Pure. */
export function refusal({ version = '', endpoint = '', resourceName = '' }: RegisterRequest): string | undefined {
  if (version !== VERSION)
    return `requested API version "${version}" is not supported by kubelet. Supported version is "${VERSION}"`;
  const foreign = resourceName.includes('/') && !/(^|\.)kubernetes\.io\//.test(resourceName);
  if (!foreign || qualifiedName(resourceName).length > 0) return `the ResourceName "${resourceName}" is invalid`;
  return endpoint === '' || endpoint.includes('/') ? `the endpoint "${endpoint}" is no name of a socket` : undefined;
}

/**
 * The socket at which device plugins register. Those there were are removed when it is opened: that is how a plugin learns
 * that it must register again. @returns how to close it. @throws Error when the folder or the socket cannot be made
 */
export async function openRegistrar(dir: string, registered: (request: RegisterRequest) => void): Promise<() => void> {
  await mkdir(dir, { recursive: true, mode: 0o750 });
  for (const e of await readdir(dir, { withFileTypes: true })) {
    if (e.isSocket()) await rm(join(dir, e.name), { force: true });
  }
  const server = new GrpcServer({
    [`/${VERSION}.Registration/Register`]: async (message) => {
      const request = decode(RegisterRequest, message);
      const why = refusal(request);
      if (why) throw new Error(why);
      registered(request);
      return encode(Empty, {});
    },
  });
  await server.listen(join(dir, SOCKET));
  return () => server.close();
}
