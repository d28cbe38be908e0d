import { Command } from 'commander';
import { expect, test } from 'vitest';
import { normalizeArguments } from './arguments.ts';
import { creating } from './creating.ts';
import { Session } from './session.ts';

test.each([
  ['get pods --no-headers=false', 'get pods'],
  ['get pods --no-headers=true', 'get pods --no-headers'],
  ['get pods --show-labels=false -A=true', 'get pods --no-show-labels --all-namespaces'],
  ['rollout status deploy/web -w=false', 'rollout status deploy/web --no-watch'],
  ['api-resources --namespaced -o name', 'api-resources --namespaced=true -o name'],
  ['api-resources --namespaced=false', 'api-resources --namespaced=false'],
  ['create --dry-run -f=x', 'create --dry-run=client -fx'],
  ['delete cm x --cascade=false', 'delete cm x --cascade=false'],
])('%s', (typed, read) => {
  expect(normalizeArguments(typed.split(' ')).args.join(' ')).toBe(read);
});

test.each([
  ['create configmap x -f y.yaml', 'create configmap takes no --filename'],
  ['create token default --dry-run=server', 'create token takes no --dry-run'],
  ['create -R role x --verb=get', 'create role takes no --recursive'],
])('%s is refused', async (line, problem) => {
  const session = new Session([]);
  const program = new Command('cox').exitOverride();
  try {
    creating(program, session);
    await expect(program.parseAsync(line.split(' '), { from: 'user' })).rejects.toThrow(problem);
  } finally {
    for (const name of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.removeAllListeners(name);
  }
});
