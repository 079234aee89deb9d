import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SiteConfig } from '../../lib/config.ts';
import type { LocalStack } from '../../local/stack.ts';
import { grantsOf } from '../support/grants.ts';
import {
  aLocalStack,
  anAssembly,
  Clone,
  contentOf,
  removeDirectories,
} from '../support/local-stack.ts';
import { aTemplate, text, withoutHash } from '../support/synth.ts';
import { zipOf } from '../support/zip.ts';

const CONNECTION = {
  kind: 'connection',
  connectionArn:
    'arn:aws:codeconnections:us-east-1:123456789012:connection/0f1e2d3c-0000-4000-8000-000000000000',
  repository: 'group/team/shop',
  branch: 'live',
} as const;

interface Place {
  readonly stack: LocalStack;
  readonly clone: Clone;
}

/** What every kind of source has to say about itself. Those that are added later are held to the same. */
interface Kind {
  readonly source: NonNullable<SiteConfig['source']>;
  /** Publishes these pages as a person would, and returns the revision. */
  publish(place: Place, pages: Readonly<Record<string, string>>): Promise<string>;
  /** What changes at the source and does not concern the pipeline. */
  readonly others: Readonly<Record<string, (place: Place) => Promise<unknown>>>;
  /** The variables that the action reference in the CodePipeline user guide lists, with their values. */
  variables(revision: string, place: Place): Readonly<Record<string, unknown>>;
  /** What the action's role may do, besides reading and writing artifacts. */
  readonly grants: readonly string[];
  /** What the stack says of publishing. */
  readonly output: readonly [string, string];
}

const writeAll = async (clone: Clone, pages: Readonly<Record<string, string>>) => {
  for (const [path, text] of Object.entries(pages)) await clone.write(path, text);
};

async function pushTo(
  branch: string,
  { clone }: Place,
  pages: Readonly<Record<string, string>>,
): Promise<string> {
  await writeAll(clone, pages);
  const commit = await clone.commit('A change');
  expect(await clone.push(branch)).toMatch(/^published /m);
  return commit;
}

/** Pushes a change and returns what the person who pushes reads. */
const pushed = async (
  { clone }: Place,
  branch: string,
  pages: Readonly<Record<string, string>>,
): Promise<string> => {
  await writeAll(clone, pages);
  await clone.commit('Another change');
  return clone.push(branch);
};

const COMMIT = {
  AuthorDate: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
  CommitMessage: 'A change',
};

const pushesElsewhere: Kind['others'] = {
  'a push to another branch': async (place) => {
    const said = await pushed(place, 'feature/x', { 'site/index.html': 'on a branch' });
    expect(said).toContain('feature/x: ');
    await place.clone.shell('git reset --quiet --hard HEAD~1');
  },
  'a tag': async ({ clone }) => clone.shell(`git tag v1 && git push --quiet "$REPOSITORY" v1`),
};

const connected = (
  paths?: Extract<SiteConfig['source'], { kind: 'connection' }>['paths'],
): Omit<Kind, 'others'> => ({
  source: { ...CONNECTION, ...(paths && { paths }) },
  publish: (place, pages) => pushTo('live', place, pages),
  variables: (revision) => ({
    ...COMMIT,
    BranchName: 'live',
    CommitId: revision,
    ConnectionArn: CONNECTION.connectionArn,
    FullRepositoryName: CONNECTION.repository,
  }),
  grants: [
    `codeconnections:UseConnection on ${CONNECTION.connectionArn}`,
    `codestar-connections:UseConnection on ${CONNECTION.connectionArn}`,
  ],
  output: ['PushTo', 'group/team/shop, branch live'],
});

const upload = async (
  { stack }: Place,
  Key: string,
  pages: Readonly<Record<string, string>>,
  Bucket = stack.uploads?.bucket,
) => {
  const { s3 } = contentOf(stack);
  const { VersionId = '' } = await s3.send(
    new PutObjectCommand({ Bucket, Key, Body: await zipOf(pages) }),
  );
  return VersionId;
};

/** Everything that was started has ended. */
async function quiet({ stack }: Place): Promise<void> {
  while (stack.executions().some(({ status }) => status === 'InProgress')) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const KINDS: Readonly<Record<string, Kind>> = {
  codecommit: {
    source: { kind: 'codecommit', branch: 'live' },
    publish: (place, pages) => pushTo('live', place, pages),
    others: pushesElsewhere,
    variables: (revision) => ({
      ...COMMIT,
      BranchName: 'live',
      CommitId: revision,
      CommitterDate: COMMIT.AuthorDate,
      RepositoryName: 'a-site',
    }),
    grants: [
      'codecommit:CancelUploadArchive on {PipelineRepository.Arn}',
      'codecommit:GetBranch on {PipelineRepository.Arn}',
      'codecommit:GetCommit on {PipelineRepository.Arn}',
      'codecommit:GetUploadArchiveStatus on {PipelineRepository.Arn}',
      'codecommit:UploadArchive on {PipelineRepository.Arn}',
    ],
    output: ['PushTo', '{PipelineRepository.CloneUrlHttp}'],
  },
  connection: { ...connected(), others: pushesElsewhere },
  'connection with paths': {
    ...connected({ include: ['site/**', 'shared/*'], exclude: ['site/drafts/**', '**/*.md'] }),
    others: {
      ...pushesElsewhere,
      'a push of files that are not included': async (place) =>
        expect(
          await pushed(place, 'live', { 'docs/a.html': 'x', 'shared/deeper/a.css': 'x' }),
        ).toContain('live: none of the changed files starts the pipeline, the live site stays'),
      'a push of files that are included and excluded': (place) =>
        pushed(place, 'live', { 'site/drafts/a.html': 'x', 'site/guide/notes.md': 'x' }),
    },
  },
  s3: {
    source: { kind: 's3', key: 'ci/site.zip' },
    async publish(place, pages) {
      const version = await upload(place, 'ci/site.zip', pages);
      await quiet(place);
      return version;
    },
    others: {
      'another key': (place) => upload(place, 'ci/other.zip', { 'site/index.html': 'x' }),
      'the key in another bucket': (place) =>
        upload(place, 'ci/site.zip', {}, contentOf(place.stack).Bucket),
    },
    variables: (revision, { stack }) => ({
      BucketName: stack.uploads?.bucket,
      ETag: expect.stringMatching(/^[0-9a-f]{32}$/),
      ObjectKey: 'ci/site.zip',
      VersionId: revision,
    }),
    grants: [
      's3:GetBucket* on {PipelineUploadsBucket.Arn}',
      's3:GetBucket* on {PipelineUploadsBucket.Arn}/ci/site.zip',
      's3:GetObject* on {PipelineUploadsBucket.Arn}',
      's3:GetObject* on {PipelineUploadsBucket.Arn}/ci/site.zip',
      's3:List* on {PipelineUploadsBucket.Arn}',
      's3:List* on {PipelineUploadsBucket.Arn}/ci/site.zip',
    ],
    output: ['PublishWith', 'aws s3 cp site.zip s3://{PipelineUploadsBucket}/ci/site.zip'],
  },
};

afterAll(removeDirectories);

describe.each(Object.entries(KINDS))('a source of kind %s', (_, kind) => {
  const { source, publish, others, variables, grants, output } = kind;
  const config = { name: 'a-site', source, build: { kind: 'folder', directory: 'site' } } as const;
  let place: Place;
  let revision: string;

  beforeAll(async () => {
    const { stack } = await aLocalStack(await anAssembly(config));
    const clone = await Clone.of(stack);
    process.env.REPOSITORY = stack.repository;
    place = { stack, clone };
  });
  afterAll(() => place?.stack.stop());

  test('publishes what it concerns, and the release bears its revision', async () => {
    revision = await publish(place, { 'site/index.html': 'first', 'site/drafts/a.html': 'x' });
    const { stack } = place;
    expect(await (await fetch(stack.siteUrl)).text()).toBe('first');
    const live = await stack.liveRelease();
    const { s3, Bucket } = contentOf(stack);
    const manifest = await s3.send(
      new GetObjectCommand({ Bucket, Key: `_site/releases/${live}.json` }),
    );
    const body = (await manifest.Body?.transformToString()) ?? '';
    expect(JSON.parse(body).revision).toBe(revision);
    expect(live).toMatch(/^\d{8}T\d{6}Z-[0-9A-Za-z]{1,7}$/);
  });

  test('has the variables that AWS documents for it, and no others', () => {
    const [action] = place.stack.executions().at(-1)?.stages[0]?.actions ?? [];
    expect(action?.variables).toEqual(variables(revision, place));
  });

  test.each(Object.entries(others))(
    'is not started by %s, nor by a start after it',
    async (_, change) => {
      const before = place.stack.executions().length;
      await change(place);
      expect(place.stack.executions()).toHaveLength(before);
      expect(await place.stack.unpublishedCommit()).toBeUndefined();
      expect(await (await fetch(place.stack.siteUrl)).text()).toBe('first');
    },
  );

  test('publishes again after all that', async () => {
    await publish(place, { 'site/index.html': 'second', 'site/notes.md': 'x' });
    expect(await (await fetch(place.stack.siteUrl)).text()).toBe('second');
  });

  test('gives its role what it fetches, and nothing else', () => {
    const of = grantsOf(aTemplate({ source, build: config.build }));
    const artifacts = /^s3:\S+ on \{PipelineArtifactsBucket\.Arn\}(\/\*)?$/;
    const own = (of.get('PipelineSourceCodePipelineActionRole') ?? []).filter(
      (line) => !artifacts.test(line),
    );
    expect(own).toEqual([...grants].sort());
  });

  test('tells in the outputs how to publish', () => {
    const { Outputs } = aTemplate({ source, build: config.build }).toJSON();
    const [name, value] = output;
    expect(withoutHash(text(Outputs[name].Value))).toBe(value);
    expect(['PushTo', 'PublishWith'].filter((other) => other in Outputs)).toEqual([name]);
  });
});
