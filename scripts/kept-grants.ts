import type { Kept } from '../local/iam/unused.ts';

/**
 * Grants that no call of the local run uses, and why they stay. Most are CDK's own, and AWS documents them for the
 * service that gets them: taking them away could only be tried in an account.
 */
export const KEPT: readonly Kept[] = [
  [
    /^Pipeline\S* s3:\S+ \{PipelineArtifactsBucket[0-9A-F]{8}\.Arn\}/,
    "CDK's grants for the artifact bucket, of which all actions need some: CodePipeline and CodeBuild look at the bucket, abort and tag as they see fit. No other bucket is reached.",
  ],
  [
    /^PipelineSource\S* s3:(GetBucket|GetObject|List)\* \{PipelineUploads/,
    "CDK's grant for reading one key of the bucket of uploads, with what CodePipeline's user guide names besides GetObject.",
  ],
  [
    /CodePipelineActionRole\S* lambda:(ListFunctions \*|InvokeFunction \S+:\*)$/,
    "CDK's Lambda action asks for both; a version is never named here, and no resource exists for ListFunctions.",
  ],
  [
    /^PipelineBuildCodePipelineActionRole\S* codebuild:StopBuild /,
    'CodePipeline stops the build of an execution that somebody stops.',
  ],
  [
    /^PipelineSourceCodePipelineActionRole\S* codecommit:CancelUploadArchive /,
    'CodePipeline cancels the archive of an execution that somebody stops.',
  ],
  [
    /^PipelineBuildProjectRole\S* logs:\S+ \S+:log-group:\/aws\/codebuild\//,
    'CDK grants every project its own default log group; ours logs elsewhere, so it is never made.',
  ],
  [
    /^(CustomS3AutoDeleteObjectsCustomResourceProviderRole\S* logs:|\S+BucketPolicy\S* s3:(DeleteObject\*|GetBucket\*|List\*|PutBucketPolicy) )/,
    'For the function that empties a bucket when the stack is destroyed, which the local run does not do.',
  ],
  [
    /^HostingContentBucketPolicy\S* s3:(GetObject \{\S+\.Arn\}|ListBucket \{\S+\.Arn\}\/\*)$/,
    'One statement for the bucket and its keys: each action means one of the two.',
  ],
  [
    /^(PruneDailyRole\S* s3:DeleteObject|UploadJobRole\S* s3:GetObject) \S+\/\*\.pinned-\*$/,
    "With fingerprint: for a copy whose name is taken, and for the clean-up of copies; both are tried with the pool's other files.",
  ],
  [
    /^NotificationsTopicPolicy\S* sns:Publish |^permission of \{NotificationsAlarmEvents/,
    'For alarms: nothing is measured in the local run.',
  ],
];
