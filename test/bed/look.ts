import { parseArgs } from 'node:util';
import { get } from '#cli/commands/get.ts';
import { openContext } from '#cli/context.ts';

/**
 * What `kubectl get` prints, read within this process: whoever waits asks several times a second, and a kubectl each time costs
 * more than all it looks at. That both print the same is what the parity tests are about. As with kubectl, each call has a
 * connection of its own: none is left to a server that hangs or has ended.
 * @param cluster the kubeconfig, and the folder that keeps what the server serves. @param words after `get`
 * @throws Error when something asked for is not there
 */
export async function look(
  cluster: { readonly kubeconfig: string; readonly cacheDir: string },
  words: readonly string[],
): Promise<string> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      namespace: { type: 'string', short: 'n' },
      output: { type: 'string', short: 'o' },
      selector: { type: 'string', short: 'l' },
      'field-selector': { type: 'string' },
      'all-namespaces': { type: 'boolean', short: 'A' },
    },
  });
  const { 'field-selector': fieldSelector, 'all-namespaces': allNamespaces = false, ...options } = values;
  const said = { out: '', err: '' };
  const ctx = await openContext(
    { ...cluster, ...(options.namespace === undefined ? {} : { namespace: options.namespace }) },
    {
      out: (text) => {
        said.out += text;
      },
      err: (text) => {
        said.err += text;
      },
      signal: new AbortController().signal,
    },
  );
  try {
    const code = await get(ctx, positionals, {
      ...options,
      allNamespaces,
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    });
    if (code !== 0) throw new Error(`get ${words.join(' ')}: ${said.err}`);
    return said.out;
  } finally {
    ctx.close();
  }
}
