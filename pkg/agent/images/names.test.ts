import { expect, test } from 'vitest';
import { tagged } from './names.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;

test.each([
  ['busybox', 'busybox:latest'],
  ['busybox:1', 'busybox:1'],
  ['docker.io/library/busybox:1', 'busybox:1'],
  ['index.docker.io/library/busybox', 'busybox:latest'],
  ['library/busybox', 'busybox:latest'],
  ['docker.io/me/library/x:1', 'me/library/x:1'],
  ['docker.io/me/x', 'me/x:latest'],
  ['r.io:5000/library/x', 'r.io:5000/library/x:latest'],
  ['docker.io.example/x:1', 'docker.io.example/x:1'],
  [`r.io:5000/a/b@${DIGEST}`, `r.io:5000/a/b@${DIGEST}`],
  [`r.io:5000/a/b:1@${DIGEST}`, `r.io:5000/a/b@${DIGEST}`],
  [`docker.io/library/nginx:1.27@${DIGEST}`, `nginx@${DIGEST}`],
])('Docker lists %s as %s', (image, listed) => {
  expect(tagged(image)).toBe(listed);
});
