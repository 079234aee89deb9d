import { describe, expect, test } from 'vitest';
import { Assembly } from '../../local/assembly/assembly.ts';
import { resolveIntrinsics } from '../../local/assembly/intrinsics.ts';
import { Tracker } from '../../local/assembly/tracking.ts';
import { EventRules } from '../../local/event-rules.ts';
import { written } from '../support/written-assembly.ts';

const anAssembly = (template: object): Assembly => new Assembly(written(template));

describe('intrinsic functions', () => {
  const references = {
    ref: (name: string) => `ref-${name}`,
    attribute: (id: string, attribute: string) => `${id}.${attribute}`,
    inMap: (...keys: string[]) => keys.join('/'),
  };

  test.each<[string, unknown, unknown]>([
    ['Ref', { Ref: 'Bucket' }, 'ref-Bucket'],
    ['Fn::GetAtt', { 'Fn::GetAtt': ['Bucket', 'Arn'] }, 'Bucket.Arn'],
    ['Fn::FindInMap', { 'Fn::FindInMap': ['Map', { Ref: 'A' }, 'b'] }, 'Map/ref-A/b'],
    ['Fn::Join', { 'Fn::Join': ['/', [{ Ref: 'A' }, 'b']] }, 'ref-A/b'],
    ['Fn::Select of Fn::Split', { 'Fn::Select': [1, { 'Fn::Split': [',', 'a,b'] }] }, 'b'],
    ['Fn::Sub', { 'Fn::Sub': '${A}-${B.Arn}-${!C}' }, 'ref-A-B.Arn-${C}'],
    [
      'Fn::Sub with variables',
      { 'Fn::Sub': ['${A}-${own}', { own: { Ref: 'B' } }] },
      'ref-A-ref-B',
    ],
    [
      'anything below a list or an object',
      { a: [{ b: { Ref: 'X' } }], c: 1 },
      { a: [{ b: 'ref-X' }], c: 1 },
    ],
  ])('are resolved: %s', (_, value, expected) => {
    expect(resolveIntrinsics(value, references, 'X')).toEqual(expected);
  });

  test('that are not known are named with their place, never passed over', () => {
    expect(() =>
      resolveIntrinsics({ A: [{ B: { 'Fn::ImportValue': 'x' } }] }, references, 'Thing (AWS::X)'),
    ).toThrow(
      'Thing (AWS::X): A[0].B: got the intrinsic function Fn::ImportValue; the local run knows Ref, Fn::FindInMap, Fn::GetAtt, Fn::Join, Fn::Select, Fn::Split and Fn::Sub',
    );
  });
});

describe('what nobody reads', () => {
  test('is told by path, and what was read is not', () => {
    const properties = {
      a: 1,
      list: [{ x: 1, y: 2 }],
      empty: {},
      deep: { er: { leaf: true, other: null } },
    };
    const tracker = new Tracker();
    const view = tracker.view(properties);
    expect(view.list.map(({ x }) => x)).toEqual([1]);
    expect(view.deep.er.leaf).toBe(true);
    expect(tracker.unread(properties)).toEqual(['a', 'list[0].y', 'empty', 'deep.er.other']);
  });

  test('looking whether an option exists, or how many there are, honours nothing', () => {
    const properties = { list: [1, 2], option: { value: 1 } };
    const tracker = new Tracker();
    const view = tracker.view(properties);
    expect(view.list.length + Object.keys(view.option).length).toBe(3);
    expect('option' in view).toBe(true);
    expect(tracker.unread(properties)).toEqual(['list[0]', 'list[1]', 'option.value']);
  });

  test('stops the local run, all of it named together', () => {
    const assembly = anAssembly({
      Resources: {
        Content: {
          Type: 'AWS::S3::Bucket',
          Properties: { Tags: [{ Key: 'a' }], WebsiteConfiguration: { IndexDocument: 'x' } },
        },
        Queue: { Type: 'AWS::SQS::Queue', Properties: { FifoQueue: true } },
        Log: { Type: 'AWS::Logs::LogGroup', Properties: { RetentionInDays: 30 } },
      },
    });
    expect(() => assembly.assertAllHonoured()).toThrow(
      [
        'The template asks for what the local run does not do:',
        '  - Content (AWS::S3::Bucket): WebsiteConfiguration.IndexDocument',
        '  - Queue (AWS::SQS::Queue): the whole resource',
        'Teach it to (local/), or say in local/assembly/no-local-meaning.ts why it means nothing here.',
      ].join('\n'),
    );
  });

  test('counts for a resource without properties too', () => {
    const assembly = anAssembly({ Resources: { Queue: { Type: 'AWS::SQS::Queue' } } });
    expect(() => assembly.assertAllHonoured()).toThrow(
      '  - Queue (AWS::SQS::Queue): the whole resource',
    );
  });
});

describe('a template that CloudFormation would read differently', () => {
  test.each<[string, object, string]>([
    [
      'conditions',
      { Conditions: {}, Resources: {} },
      'The template has what the local run does not know: Conditions',
    ],
    [
      'a resource with a condition',
      { Resources: { A: { Type: 'AWS::S3::Bucket', Condition: 'C' } } },
      'The template has what the local run does not know: A (AWS::S3::Bucket): Condition',
    ],
    [
      'a reference to nothing',
      { Resources: { A: { Type: 'AWS::S3::Bucket', Properties: { X: { Ref: 'B' } } } } },
      'B: the template refers to it and does not have it',
    ],
    [
      'a value that its mapping does not have',
      {
        Mappings: { Zones: { aws: { id: 'Z1' } } },
        Resources: {
          A: {
            Type: 'AWS::S3::Bucket',
            Properties: { X: { 'Fn::FindInMap': ['Zones', { Ref: 'AWS::Partition' }, 'name'] } },
          },
        },
      },
      'Zones: the template has no aws.name in this mapping',
    ],
    [
      'an attribute that is not known',
      {
        Resources: {
          A: { Type: 'AWS::S3::Bucket' },
          B: { Type: 'AWS::S3::Bucket', Properties: { X: { 'Fn::GetAtt': ['A', 'WebsiteURL'] } } },
        },
      },
      'A (AWS::S3::Bucket): the attribute WebsiteURL is not known to the local run',
    ],
  ])('is refused: %s', (_, template, message) => {
    expect(() => anAssembly(template)).toThrow(message);
  });

  test('is refused: no cloud assembly at all', () => {
    expect(() => new Assembly('/nowhere')).toThrow(
      "/nowhere/manifest.json: not readable; is this what 'cdk synth' wrote?",
    );
  });
});

test('a mapping gives the value of its two keys', () => {
  const assembly = anAssembly({
    Mappings: { Zones: { aws: { id: 'Z1' }, 'aws-cn': { id: 'Z2' } } },
    Resources: {
      A: {
        Type: 'AWS::S3::Bucket',
        Properties: { X: { 'Fn::FindInMap': ['Zones', { Ref: 'AWS::Partition' }, 'id'] } },
      },
    },
  });
  expect(assembly.theOnly('AWS::S3::Bucket').properties.X).toBe('Z1');
});

describe('an app of several environments', () => {
  const app = written({ Resources: {} }, ['shop-qa', 'shop', 'shop-staging']);

  test('is run as production, or as the one that is asked for', () => {
    expect(new Assembly(app).stackName).toBe('shop');
    expect(new Assembly(app, 'staging').stackName).toBe('shop-staging');
  });

  test.each<[string, string[], string | undefined, string]>([
    [
      'an environment that it does not have',
      ['shop', 'shop-qa', 'shop-staging'],
      'stagin',
      '--environment: got "stagin"; site.config.ts has qa, staging',
    ],
    [
      'any, if it has none',
      ['shop'],
      'staging',
      '--environment: got "staging"; site.config.ts has no environments besides production',
    ],
    [
      'stacks of which none is production',
      ['shop', 'shopping'],
      undefined,
      'got the stacks shop, shopping; the local run takes one, and others that are named after it',
    ],
    ['no stack', [], undefined, 'got the stacks none; '],
  ])('is refused by name: %s', (_, names, environment, message) => {
    const directory = written({ Resources: {} }, names);
    expect(() => new Assembly(directory, environment)).toThrow(message);
  });
});

test('ids look like those of AWS and are the same on every start', () => {
  const template = { Resources: { Store: { Type: 'AWS::CloudFront::KeyValueStore' } } };
  const [first, second] = [anAssembly(template), anAssembly(template)].map(
    (assembly) => assembly.theOnly('AWS::CloudFront::KeyValueStore').attributes.Arn,
  );
  expect(first).toMatch(
    /^arn:aws:cloudfront::123456789012:key-value-store\/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/,
  );
  expect(second).toBe(first);
});

describe('an event rule', () => {
  const rule = (EventPattern: unknown, State = 'ENABLED') =>
    anAssembly({
      Resources: {
        Push: {
          Type: 'AWS::Events::Rule',
          Properties: { EventPattern, State, Targets: [{ Arn: 'arn:pipeline' }] },
        },
      },
    });
  const event = {
    source: 'aws.codecommit',
    'detail-type': 'CodeCommit Repository State Change',
    resources: ['arn:repository'],
    detail: { event: 'referenceUpdated', referenceName: 'main' },
  };
  const pattern = (branch: string) => ({
    source: ['aws.codecommit'],
    resources: ['arn:repository'],
    detail: { event: ['referenceCreated', 'referenceUpdated'], referenceName: [branch] },
  });

  test('leads a push to its branch to the pipeline, and no other', () => {
    expect(new EventRules(rule(pattern('main'))).targetsOf(event)).toMatchObject([
      { arn: 'arn:pipeline', rule: { logicalId: 'Push' } },
    ]);
    expect(new EventRules(rule(pattern('develop'))).targetsOf(event)).toEqual([]);
    expect(new EventRules(rule(pattern('main'), 'DISABLED')).targetsOf(event)).toEqual([]);
  });

  test('with a finer filter is refused by name', () => {
    expect(
      () => new EventRules(rule({ detail: { referenceName: [{ prefix: 'release/' }] } })),
    ).toThrow(
      'Push (AWS::Events::Rule): EventPattern.detail.referenceName: got {"prefix":"release/"}; the local run knows exact strings',
    );
  });
});
