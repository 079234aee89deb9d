import { describe, expect, test } from 'vitest';
import { jobIdOf, readJob } from '../../lambda/shared/job.ts';
import { aJobEvent, JOB_ID, SECRET } from '../support/job.ts';

test('the event of CodePipeline becomes a job in our own words', () => {
  const event = aJobEvent({
    userParameters: '{"a":1}',
    artifact: { bucket: 'artifacts', key: 'site/x.zip' },
    continuationToken: 'token',
  });
  expect(readJob(event)).toEqual({
    id: JOB_ID,
    userParameters: '{"a":1}',
    inputArtifacts: [{ name: 'Site', bucket: 'artifacts', key: 'site/x.zip' }],
    artifactCredentials: {
      accessKeyId: `AKIA-${SECRET}`,
      secretAccessKey: `secret-${SECRET}`,
      sessionToken: `session-${SECRET}`,
    },
    continuationToken: 'token',
  });
});

test('an action without parameters, artifacts or a configuration is a job too', () => {
  expect(readJob({ 'CodePipeline.job': { id: JOB_ID, data: {} } })).toEqual({
    id: JOB_ID,
    userParameters: undefined,
    inputArtifacts: [],
    artifactCredentials: undefined,
    continuationToken: undefined,
  });
});

describe('an event that is no job is refused without being quoted', () => {
  test.each([
    [undefined],
    [null],
    [{}],
    [{ 'CodePipeline.job': null }],
    [{ 'CodePipeline.job': { id: 7 } }],
    [{ 'CodePipeline.job': { id: 'not-a-uuid', secret: SECRET } }],
  ])('%j', (event) => {
    expect(() => jobIdOf(event)).toThrow(
      'event: no CodePipeline.job with an id; invoke this function from an AWS CodePipeline Lambda action',
    );
  });
});

test('a malformed job names every place and no value, which may be a credential', () => {
  const event = {
    'CodePipeline.job': {
      id: JOB_ID,
      data: {
        actionConfiguration: { configuration: { UserParameters: { secret: SECRET } } },
        inputArtifacts: [{ name: 'Site', location: {} }],
        artifactCredentials: {
          accessKeyId: [SECRET],
          secretAccessKey: SECRET,
          sessionToken: SECRET,
        },
      },
    },
  };
  expect(() => readJob(event)).toThrow(
    expect.objectContaining({
      type: 'ConfigurationError',
      message:
        'The job is not what CodePipeline documents; missing or of another type: data.actionConfiguration.configuration.UserParameters, data.inputArtifacts.0.location.s3Location, data.artifactCredentials.accessKeyId.',
    }),
  );
});
