import {
  type CodePipelineClient,
  GetPipelineStateCommand,
  PutApprovalResultCommand,
} from '@aws-sdk/client-codepipeline';
import { brieflyOf, listingOf, type Pointers } from './catalogue.ts';
import { Refused } from './errors.ts';
import type { Answer, Operator } from './operator.ts';
import { agreeTo } from './promote.ts';

interface Waiting {
  readonly execution: string;
  readonly stageName: string;
  readonly actionName: string;
  readonly token: string;
}

/** Lets the release go live that the pipeline holds until somebody approves it. */
export async function approve(
  comment: string,
  pointers: Pointers,
  operator: Operator,
): Promise<Answer> {
  const { name, client, waiting } = await approvalIn(operator);
  const id = await releaseOfExecution(waiting.execution, pointers, operator);
  const release = id === undefined ? 'the release' : `release ${id}`;
  const question = `Approve ${release}, which goes live then?`;
  if (id === undefined) await operator.agree(`${operator.connection.siteUrl}: ${question}`);
  else await agreeTo(id, question, pointers, operator);
  await put('Approved', comment, name, client, waiting, operator);
  return {
    text: `Approved: the pipeline makes ${release} live now, or when its deployment window opens. "npm run releases -- list" shows when it is.`,
    json: { id: id ?? null, execution: waiting.execution, status: 'Approved' },
  };
}

/** Fails the execution that waits for an approval. Its release is kept, and can be promoted by hand. */
export async function reject(
  reason: string,
  pointers: Pointers,
  operator: Operator,
): Promise<Answer> {
  const { name, client, waiting } = await approvalIn(operator);
  const id = await releaseOfExecution(waiting.execution, pointers, operator);
  await put('Rejected', reason, name, client, waiting, operator);
  return {
    text: `Rejected: ${id === undefined ? 'the release' : `release ${id}`} does not go live. Of later pushes the newest goes on now.`,
    json: { id: id ?? null, execution: waiting.execution, status: 'Rejected' },
  };
}

/** @throws Refused if nothing waits */
async function approvalIn({
  connection,
  signal: abortSignal,
}: Operator): Promise<{ name: string; client: CodePipelineClient; waiting: Waiting }> {
  const { pipeline: name } = connection;
  if (name === undefined) {
    throw new Refused(
      'This stack was deployed without an approval: write approval: true in site.config.ts and deploy it.',
    );
  }
  const client = await connection.codePipeline();
  const { stageStates = [] } = await client.send(new GetPipelineStateCommand({ name }), {
    abortSignal,
  });
  for (const { stageName = '', latestExecution, actionStates = [] } of stageStates) {
    for (const { actionName = '', latestExecution: action } of actionStates) {
      if (action?.token === undefined || action.status !== 'InProgress') continue;
      const execution = latestExecution?.pipelineExecutionId ?? '';
      return { name, client, waiting: { execution, stageName, actionName, token: action.token } };
    }
  }
  throw new Refused('No release waits for an approval.');
}

async function put(
  status: 'Approved' | 'Rejected',
  summary: string,
  pipelineName: string,
  client: CodePipelineClient,
  { stageName, actionName, token }: Waiting,
  { signal: abortSignal }: Operator,
): Promise<void> {
  const result = { status, summary };
  await client
    .send(new PutApprovalResultCommand({ pipelineName, stageName, actionName, token, result }), {
      abortSignal,
    })
    .catch((cause: Error) => {
      if (!/^(ApprovalAlreadyCompleted|InvalidApprovalToken)/.test(cause.name)) throw cause;
      throw new Refused(
        'Somebody else has decided meanwhile, or the time was over. "npm run releases -- list" shows what is live.',
        { cause },
      );
    });
}

/** The release that an execution has uploaded, from the ledger; nothing if its page is lost. */
async function releaseOfExecution(
  execution: string,
  pointers: Pointers,
  operator: Operator,
): Promise<string | undefined> {
  const listing = await listingOf(operator);
  for (const id of listing.ids) {
    const { entry } = await brieflyOf(id, listing, pointers, operator);
    if (entry?.execution === execution) return id;
    // Whatever waits is newer than what is live.
    if (id === pointers.live?.id) break;
  }
  return undefined;
}
