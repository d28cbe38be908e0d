import { expect, test } from 'vitest';
import type { VolumeAttributesClass } from '#api/kinds/index.ts';
import type { Claim, Volume } from '../persistentvolume/match.ts';
import { attributesChange, attributesObstacle } from './attributes.ts';

const classes: Record<string, string> = { gold: 'local-path.coxswain.io', odd: 'd.example.com' };
const find = (name: string) => (name in classes ? ({ driverName: classes[name] } as VolumeAttributesClass) : undefined);
const claim = (wanted: string | undefined, status: object = {}): Claim =>
  ({ spec: { volumeAttributesClassName: wanted }, status: { phase: 'Bound', ...status } }) as unknown as Claim;
const volume = (name?: string) => ({ spec: { volumeAttributesClassName: name } }) as Volume;

test.each([
  [undefined, undefined],
  ['gold', undefined],
  ['none', 'volumeattributesclass.storage.k8s.io "none" not found'],
  ['odd', 'VolumeAttributesClass "odd" is for volumes of d.example.com, not of local-path.coxswain.io'],
])('can a folder be of class %s?', (name, why) => {
  expect(attributesObstacle(claim(name), find)).toBe(why);
});

const done = { volume: 'gold', status: { currentVolumeAttributesClassName: 'gold', modifyVolumeStatus: null } };
const told = (target: string, status: string) => ({
  modifyVolumeStatus: { targetVolumeAttributesClassName: target, status },
});
test.each<[string, Claim, Volume, object | undefined]>([
  ['none is asked for', claim(undefined, { currentVolumeAttributesClassName: 'gold' }), volume('gold'), undefined],
  ['it is not bound yet', claim('gold', { phase: 'Pending' }), volume(), undefined],
  ['it is so already', claim('gold', { currentVolumeAttributesClassName: 'gold' }), volume('gold'), undefined],
  ['another one', claim('gold', { currentVolumeAttributesClassName: 'old' }), volume('old'), done],
  ['after a kill in between', claim('gold'), volume('gold'), done],
  ['a class that is made later', claim('gold', told('gold', 'Pending')), volume(), done],
  ['no such class', claim('none'), volume(), { status: told('none', 'Pending'), problem: expect.any(String) }],
  ['it is told once', claim('none', told('none', 'Pending')), volume(), undefined],
  ['of another driver', claim('odd'), volume(), { status: told('odd', 'Infeasible'), problem: expect.any(String) }],
  ['its class is deleted', claim('none', { currentVolumeAttributesClassName: 'none' }), volume('none'), undefined],
])('what a change of the class leads to: %s', (_, c, v, expected) => {
  expect(attributesChange(c, v, find)).toEqual(expected);
});
