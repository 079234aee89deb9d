import { RemovalPolicy } from 'aws-cdk-lib';
import {
  Artifact,
  Pipeline as CodePipeline,
  ExecutionMode,
  GlobalVariables,
  PipelineType,
} from 'aws-cdk-lib/aws-codepipeline';
import { LambdaInvokeAction } from 'aws-cdk-lib/aws-codepipeline-actions';
import { Construct } from 'constructs';
import { acknowledgeWildcards } from '../acknowledge.ts';
import type { ResolvedConfig } from '../config.ts';
import type { Invalidate } from '../release/invalidate.ts';
import type { Promote } from '../release/promote.ts';
import type { Upload } from '../release/upload.ts';
import { approvalAction } from './approval.ts';
import { Artifacts } from './artifacts.ts';
import { Build } from './build.ts';
import { deploymentWindow } from './deployment-window.ts';
import { createSource, type Source } from './source.ts';

export interface PipelineProps {
  readonly config: ResolvedConfig;
  readonly upload: Upload;
  readonly promote: Promote;
  readonly invalidate: Invalidate;
  /** Where visitors find the site. */
  readonly siteUrl: string;
}

/** From a push to a live release: Source, Build, Deploy (Upload, then Promote), Invalidate. */
export class Pipeline extends Construct {
  readonly pipeline: CodePipeline;
  readonly source: Source;

  constructor(scope: Construct, id: string, props: PipelineProps) {
    super(scope, id);
    const { config, upload, promote, invalidate, siteUrl } = props;
    const { approval, deploymentWindow: window } = config;
    const sourceCode = new Artifact('Source');
    const builtSite = new Artifact('Site');

    this.source = createSource(this, { config, output: sourceCode });
    const build = new Build(this, 'Build', { config, input: sourceCode, output: builtSite });

    // For the ledger. Never part of a release's id: a stage that is rolled back runs under another one.
    const execution = GlobalVariables.executionId;
    const uploadAction = new LambdaInvokeAction({
      actionName: 'Upload',
      runOrder: 1,
      lambda: upload.job.function,
      inputs: [builtSite],
      // The commit's id only. A commit's message is text from outside, and would be pasted into this JSON.
      userParameters: { revision: this.source.revision, execution },
      variablesNamespace: 'Upload',
    });
    const releaseId = uploadAction.variable('releaseId');
    const approvals = approval
      ? [approvalAction({ approval, releaseId, siteUrl, runOrder: 2 })]
      : [];
    const promoteAction = new LambdaInvokeAction({
      actionName: 'Promote',
      // In a stage of its own the first.
      runOrder: window ? 1 : 2 + approvals.length,
      lambda: promote.job.function,
      userParameters: { releaseId, execution },
      variablesNamespace: 'Promote',
    });
    const invalidateAction = new LambdaInvokeAction({
      actionName: 'Invalidate',
      lambda: invalidate.job.function,
      userParameters: invalidate.userParameters,
      variablesNamespace: 'Invalidate',
    });

    const artifacts = new Artifacts(this, 'Artifacts').bucket;
    if (config.build.kind !== 'folder' && config.build.cache) build.cacheIn(artifacts);
    this.pipeline = new CodePipeline(this, 'Pipeline', {
      pipelineType: PipelineType.V2,
      // One execution a stage, and the newest waiting one wins: an older push never goes live after a newer.
      executionMode: ExecutionMode.SUPERSEDED,
      artifactBucket: artifacts,
      // A change of the stack is not a release: the next push is.
      restartExecutionOnUpdate: false,
      ...(this.source.triggers && { triggers: this.source.triggers }),
      stages: [
        { stageName: 'Source', actions: [this.source.action] },
        { stageName: 'Build', actions: [build.action] },
        // A window is for a whole stage, and has to be open after the approval, whenever that comes.
        ...(window
          ? [
              { stageName: 'Deploy', actions: [uploadAction, ...approvals] },
              {
                stageName: 'Promote',
                actions: [promoteAction],
                beforeEntry: deploymentWindow(window),
              },
            ]
          : [{ stageName: 'Deploy', actions: [uploadAction, ...approvals, promoteAction] }]),
        { stageName: 'Invalidate', actions: [invalidateAction] },
      ],
    });
    for (const { job } of [upload, promote, invalidate]) {
      acknowledgeWildcards(
        this.pipeline,
        [`${job.function.functionArn}:*`],
        'Any version of the one function that the action calls.',
      );
    }
    acknowledgeWildcards(
      this.pipeline,
      ['*'],
      "CDK's Lambda action asks to list functions: IAM knows no resource for that, and it only reads names.",
    );
    acknowledgeWildcards(
      this,
      [
        artifacts.arnForObjects('*'),
        's3:Abort*',
        's3:DeleteObject*',
        's3:GetBucket*',
        's3:GetObject*',
        's3:List*',
      ],
      "CDK's grants for the artifact bucket: CodePipeline makes up the keys, and no other bucket is reached.",
    );
    this.pipeline.applyRemovalPolicy(RemovalPolicy.DESTROY);
  }
}
