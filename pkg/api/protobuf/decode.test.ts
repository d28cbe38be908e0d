import protobuf from 'protobufjs/minimal.js';
import { expect, test } from 'vitest';
import { Deployments, Pods } from '#api/kinds/index.ts';
import { DeleteOptions } from '../meta/options.ts';
import type { ObjectSchema } from '../schema/schema.ts';
import { decodeProtobuf } from './decode.ts';

/** Bytes by the field numbers of the published .proto files, not by those of our schemas. */
type Field = [number: number, value: string | number | Field[]];

function message(fields: readonly Field[], w = protobuf.Writer.create()): protobuf.Writer {
  for (const [number, value] of fields) {
    if (typeof value === 'number') w.uint32(number << 3).int64(value);
    else if (typeof value === 'string') w.uint32((number << 3) | 2).string(value);
    else message(value, w.uint32((number << 3) | 2).fork()).ldelim();
  }
  return w;
}
const entry = (key: string, value: Field[1]): Field[] => [
  [1, key],
  [2, value],
];
const body = (apiVersion: string, kind: string, fields: Field[]): Buffer => {
  const type: Field[] = [
    [1, apiVersion],
    [2, kind],
  ];
  const unknown = message([[1, type]])
    .uint32((2 << 3) | 2)
    .bytes(message(fields).finish());
  // contentEncoding and contentType, empty, as kubectl sends them.
  return Buffer.concat([
    Buffer.from('k8s\0', 'latin1'),
    message(
      [
        [3, ''],
        [4, ''],
      ],
      unknown,
    ).finish(),
  ]);
};
const int = (n: number): Field[] => [
  [1, 0],
  [2, n],
  [3, ''],
];
const text = (s: string): Field[] => [
  [1, 1],
  [2, 0],
  [3, s],
];

const podSpec: Field[] = [
  [
    2,
    [
      [1, 'c'],
      [2, 'nginx'],
      [3, 'sh'],
      [3, '-c'],
      [
        6,
        [
          [1, 'http'],
          [2, 0],
          [3, 8080],
          [4, 'TCP'],
        ],
      ],
      [
        8,
        [
          [1, entry('memory', [[1, '64Mi']])],
          [2, entry('cpu', [[1, '250m']])],
        ],
      ],
      [
        10,
        [
          [
            1,
            [
              [
                2,
                [
                  [1, '/ok'],
                  [2, text('http')],
                  [4, 'HTTP'],
                ],
              ],
            ],
          ],
          [2, 0],
          [4, 7],
        ],
      ],
    ],
  ],
  [3, 'Always'],
  [4, 0],
  [7, entry('disk', 'ssd')],
  [11, 0],
  [999, 'a field of a later version'],
];
const spec = {
  containers: [
    {
      name: 'c',
      image: 'nginx',
      command: ['sh', '-c'],
      ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
      resources: { limits: { memory: '64Mi' }, requests: { cpu: '250m' } },
      livenessProbe: { httpGet: { path: '/ok', port: 'http', scheme: 'HTTP' }, periodSeconds: 7 },
    },
  ],
  restartPolicy: 'Always',
  // A pointer: zero is a value.
  terminationGracePeriodSeconds: 0,
  nodeSelector: { disk: 'ssd' },
};

test.each<[string, string, ObjectSchema, Field[], object]>([
  [
    'v1',
    'Pod',
    Pods.schema,
    [
      [
        1,
        [
          [1, 'a'],
          [2, ''],
          [3, 'ns'],
          [7, 0],
          [
            8,
            [
              [1, 1_767_225_600],
              [2, 0],
            ],
          ],
          [11, entry('app', 'web')],
          [14, 'x/keep'],
        ],
      ],
      [2, podSpec],
    ],
    {
      metadata: {
        name: 'a',
        namespace: 'ns',
        creationTimestamp: '2026-01-01T00:00:00Z',
        labels: { app: 'web' },
        finalizers: ['x/keep'],
      },
      spec,
    },
  ],
  [
    'apps/v1',
    'Deployment',
    Deployments.schema,
    [
      [1, [[1, 'd']]],
      [
        2,
        [
          [1, 0],
          [
            2,
            [
              [1, entry('app', 'web')],
              [
                2,
                [
                  [1, 'tier'],
                  [2, 'In'],
                  [3, 'a'],
                  [3, 'b'],
                ],
              ],
            ],
          ],
          [3, [[2, podSpec]]],
          [
            4,
            [
              [1, 'RollingUpdate'],
              [
                2,
                [
                  [1, text('25%')],
                  [2, int(0)],
                ],
              ],
            ],
          ],
        ],
      ],
    ],
    {
      metadata: { name: 'd' },
      spec: {
        replicas: 0,
        selector: {
          matchLabels: { app: 'web' },
          matchExpressions: [{ key: 'tier', operator: 'In', values: ['a', 'b'] }],
        },
        template: { spec },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: 0 } },
      },
    },
  ],
  [
    'v1',
    'DeleteOptions',
    DeleteOptions,
    [
      [1, 0],
      [
        2,
        [
          [1, 'uid-1'],
          [2, '77'],
        ],
      ],
      [4, 'Foreground'],
      [5, 'All'],
    ],
    {
      gracePeriodSeconds: 0,
      preconditions: { uid: 'uid-1', resourceVersion: '77' },
      propagationPolicy: 'Foreground',
      dryRun: ['All'],
    },
  ],
])('%s %s', (apiVersion, kind, schema, fields, object) => {
  const got = decodeProtobuf(() => schema, body(apiVersion, kind, fields));
  expect({ apiVersion: got.apiVersion, kind: got.kind }).toEqual({ apiVersion, kind });
  expect(got.object).toMatchObject(object);
  // Nothing is made up: the keys are those above, apart from objects that are always written.
  expect(
    Object.keys(got.object as object)
      .filter((k) => k !== 'status')
      .sort(),
  ).toEqual(Object.keys(object).sort());
});
