import { expect, test } from 'vitest';
import { baseImage } from './base.ts';

test.each([
  ['Debian 12', 'PRETTY_NAME="Debian GNU/Linux 12"\nVERSION_ID="12"\nID=debian\n', 'debian:12-slim'],
  ['Ubuntu', 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n', 'ubuntu:24.04'],
  ['a Debian without a number yet', 'ID=debian\nVERSION_CODENAME=sid\n', undefined],
  ['another distribution', 'ID=alpine\nVERSION_ID=3.20.1\n', undefined],
  ['none known', '', undefined],
])('the base image of %s', (_what, osRelease, image) => {
  expect(baseImage(osRelease, '')).toBe(image);
});

test('BASE_IMAGE decides', () => {
  const debian = 'ID=debian\nVERSION_ID=12\n';
  expect(baseImage(debian, 'registry.example/base:1')).toBe('registry.example/base:1');
  expect(baseImage(debian, 'none')).toBeUndefined();
});
