import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalQueryApi } from '../../../local/aws/query-api.ts';
import { Topics } from '../../../local/aws/topics.ts';
import { executionOperations } from '../../../local/pipeline/execution-api.ts';
import { ApiError } from '../../../local/pipeline/jobs.ts';
import type { ActionRecord, ExecutionRecord } from '../../../local/pipeline/records.ts';
import { type Answered, type Asked, exchange } from '../exploration/exchange.ts';

export const PIPELINE = 'a-pipeline';
export const TOPIC_ARN = 'arn:aws:sns:eu-west-1:123456789012:releases';
export const ABOUT = { name: 'a-site', siteUrl: 'https://www.example.com' };

const RELEASE = '20261123T065900Z-four000';
const START = new Date(0).toISOString();

const action = (name: string, more: Partial<ActionRecord> = {}): ActionRecord => ({
  name,
  provider: 'Lambda',
  status: 'Succeeded',
  startedAt: START,
  variables: {},
  ...more,
});

const execution = (
  id: string,
  status: 'Succeeded' | 'Failed',
  promote: Partial<ActionRecord>,
): ExecutionRecord => ({
  id,
  pipeline: PIPELINE,
  status,
  trigger: 'push',
  commit: 'a'.repeat(40),
  branch: 'main',
  startedAt: START,
  variables: {},
  artifacts: { Source: { bucket: 'artifacts', key: 'source.zip', revision: 'a'.repeat(40) } },
  structure: '',
  stages: [
    {
      name: 'Source',
      status: 'Succeeded',
      startedAt: START,
      actions: [action('Source', { variables: { CommitMessage: 'Correct the prices' } })],
    },
    {
      name: 'Deploy',
      status,
      startedAt: START,
      actions: [
        action('Upload', { variables: { releaseId: RELEASE } }),
        action('Promote', { status, ...promote }),
      ],
    },
  ],
});

/** What became of two pushes, by what the event says of them. */
export const EXECUTIONS = {
  SUCCEEDED: execution('11111111-0000-4000-8000-000000000001', 'Succeeded', {
    variables: { releaseId: RELEASE, promoted: 'yes' },
    summary: `Release ${RELEASE} is live: the site answers with it.`,
  }),
  FAILED: execution('11111111-0000-4000-8000-000000000002', 'Failed', {
    error: `JobFailed: Release ${RELEASE} is live, but somebody has to look.`,
  }),
} as const;

/** As EventBridge hands it on. */
export const eventOf = (state: keyof typeof EXECUTIONS) => ({
  source: 'aws.codepipeline',
  'detail-type': 'CodePipeline Pipeline Execution State Change',
  region: 'eu-west-1',
  detail: { pipeline: PIPELINE, 'execution-id': EXECUTIONS[state].id, state, version: 1 },
});

const OPERATIONS = executionOperations({
  pipeline: { name: PIPELINE, arn: `arn:aws:codepipeline:eu-west-1:123456789012:${PIPELINE}` },
  records: () => Object.values(EXECUTIONS),
  authorise: () => 'Notify',
});

/** CodePipeline's side of notifications: what it knows of the executions. */
export function executionAnswer({ headers, body }: Asked): Answered {
  const operation = String(headers['x-amz-target']).replace(/^.*\./, '');
  const [status, told] = ((): [number, unknown] => {
    try {
      return [200, OPERATIONS[operation]?.(JSON.parse(body.toString()), undefined as never)];
    } catch (error) {
      if (error instanceof ApiError) return [error.status, error.body()];
      throw error;
    }
  })();
  const answer = Buffer.from(JSON.stringify(told));
  return { status, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: answer };
}

/** SNS, and the mails that it has sent. */
export class Mails {
  readonly sent: string[] = [];
  #api: LocalQueryApi | undefined;

  answer(asked: Asked): Promise<Answered> {
    this.#api ??= this.#open();
    return exchange(this.#api, asked);
  }

  #open(): LocalQueryApi {
    const { sent } = this;
    class Kept extends Topics {
      override publish(topicArn: string, subject: string, message: string): string {
        const id = super.publish(topicArn, subject, message);
        sent.push(`${subject}\n\n${message}`);
        return id;
      }
    }
    const topics = new Kept({
      topics: new Map([[TOPIC_ARN, ['web@example.com']]]),
      folder: mkdtempSync(join(tmpdir(), 'mails-')),
      log: () => {},
    });
    const api = new LocalQueryApi({
      accountId: '123456789012',
      region: 'eu-west-1',
      stack: { name: 'a-site', outputs: {} },
      topics,
    });
    api.registerCredentials('AKIDCALLER', 'Notify');
    return api;
  }
}
