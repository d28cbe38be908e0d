import { expect, test } from 'vitest';
import { schedulingNews, statusNews } from './node-events.ts';

type Status = Parameters<typeof statusNews>[1];
const status = (conditions: Record<string, string>, bootID = 'one'): Status =>
  ({
    conditions: Object.entries(conditions).map(([type, s]) => ({ type, status: s })),
    nodeInfo: { bootID },
  }) as Status;
const fine = { MemoryPressure: 'False', DiskPressure: 'False', PIDPressure: 'False' };

test.each<[string, Status, Status, string[]]>([
  [
    'the first one',
    {},
    status({ ...fine, Ready: 'False' }),
    ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID'],
  ],
  ['nothing new', status({ ...fine, Ready: 'True' }), status({ ...fine, Ready: 'True' }), []],
  ['ready', status({ ...fine, Ready: 'False' }), status({ ...fine, Ready: 'True' }), ['NodeReady']],
  ['ready after silence', status({ ...fine, Ready: 'Unknown' }), status({ ...fine, Ready: 'True' }), ['NodeReady']],
  ['not ready', status({ Ready: 'True' }), status({ Ready: 'False' }), ['NodeNotReady']],
  ['short of the disk', status(fine), status({ ...fine, DiskPressure: 'True' }), ['NodeHasDiskPressure']],
  ["somebody else's condition", status(fine), status({ ...fine, KernelDeadlock: 'True' }), []],
])('%s', (_, before, now, reasons) => {
  const news = statusNews('n', before, now);
  expect(news.map((n) => n.reason)).toEqual(reasons);
  for (const { type, reason, message } of news)
    expect([type, message]).toEqual(['Normal', `Node n status is now: ${reason}`]);
});

test('a reboot, and what pods are let in', () => {
  expect(statusNews('n', status(fine), status(fine, 'two'))).toEqual([
    { type: 'Warning', reason: 'Rebooted', message: 'Node n has been rebooted, boot id: two' },
  ]);
  expect([true, false].map((on) => schedulingNews('n', on).reason)).toEqual(['NodeNotSchedulable', 'NodeSchedulable']);
});
