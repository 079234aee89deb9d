/**
 * What the template says and one machine cannot mean, each with its reason. Everything else that
 * nobody reads stops `npm start` by name: see `Assembly.assertAllHonoured`.
 */
const NO_LOCAL_MEANING: Readonly<Record<string, string | Readonly<Record<string, string>>>> = {
  'AWS::CertificateManager::Certificate': 'the local edge speaks HTTP without TLS',
  'AWS::Route53::RecordSet':
    'the local edge is reached by an address of this machine; what a request is for, its Host header says',
  'AWS::Logs::Delivery': {
    S3SuffixPath: 'the access log is one file in the state directory',
  },
  'AWS::Logs::DeliveryDestination': {
    Name: 'a label for the console; the destination is found by its ARN',
  },
  'AWS::Logs::LogGroup': 'the log of a function or a build goes to the state directory',
  'AWS::CloudWatch::Alarm': 'nothing is measured here; what fails is said on the terminal',
  'Custom::S3AutoDeleteObjects':
    'acts when a stack is destroyed; deleting the state directory does that here',

  'AWS::IAM::Policy': {
    PolicyName: 'a label for the console',
  },
  'AWS::S3::Bucket': {
    'LifecycleConfiguration.Rules[].Id': 'a label for the console',
    Tags: 'mark the bucket for auto-delete, which acts when a stack is destroyed',
  },
  'AWS::CloudFront::Distribution': {
    'DistributionConfig.Comment': 'a label for the console',
    'DistributionConfig.HttpVersion':
      'the local edge speaks HTTP/1.1 without TLS; CloudFront does the rest',
    'DistributionConfig.IPV6Enabled': 'the local edge listens on the loopback address only',
    'DistributionConfig.ViewerCertificate': 'the local edge speaks HTTP without TLS',
  },
  'AWS::CloudFront::OriginAccessControl': {
    'OriginAccessControlConfig.Name': 'a label for the console',
  },
  'AWS::CloudFront::ResponseHeadersPolicy': {
    'ResponseHeadersPolicyConfig.Comment': 'a label for the console',
    'ResponseHeadersPolicyConfig.Name': 'a label for the console',
  },
  'AWS::CloudFront::KeyValueStore': {
    Comment: 'a label for the console',
    Name: 'a label for the console; the store is found by its ARN',
  },
  'AWS::CloudFront::Function': {
    'FunctionConfig.Comment': 'a label for the console',
    Name: 'a label for the console; the function is found by its ARN',
  },
  'AWS::Lambda::Function': {
    'Code.S3Bucket': 'an asset is found by its key in the cloud assembly',
    Architectures: 'bundles are JavaScript, the same on every processor',
    Description: 'a label for the console',
    'EphemeralStorage.Size': 'this machine has the disk it has',
  },
  'AWS::Lambda::EventInvokeConfig': {
    MaximumEventAgeInSeconds: 'an event is delivered at once here',
    Qualifier: 'there are no versions of a function here',
  },
  'AWS::CodeCommit::Repository': {
    RepositoryDescription: 'a label for the console',
    RepositoryName: 'what people clone by; here they push to a path',
  },
  'AWS::CodeBuild::Project': {
    Description: 'a label for the console',
    EncryptionKey: "S3's own encryption, of which this machine has none",
    'Environment.ComputeType': 'this machine has the processors it has',
    'Environment.Image': "builds run with this machine's tools, in a clean environment",
    'Environment.ImagePullCredentialsType': 'no image is pulled',
    'Environment.PrivilegedMode': 'no container is started',
    'Environment.Type': "builds run with this machine's tools, in a clean environment",
  },
  'AWS::CodePipeline::Pipeline': {
    'Stages[].BeforeEntry.Conditions[].Rules[].Name': 'a label for the console',
    RestartExecutionOnUpdate: 'nothing is updated while the local run is up',
  },
  'AWS::Events::Rule': {
    Description: 'a label for the console',
    'Targets[].Id': 'a label for the console',
    'Targets[].RetryPolicy': 'an event is delivered at once here',
  },
};

/**
 * The entry that excuses a whole type, or one property of it: `type` or `type: property`. A property stands
 * for everything below it; `[]` for any place in a list.
 */
export function excuseFor(type: string, path?: string): string | undefined {
  const entry = NO_LOCAL_MEANING[type];
  if (typeof entry === 'string') return type;
  if (entry === undefined || path === undefined) return undefined;
  const general = path.replace(/\[\d+\]/g, '[]');
  const listed = Object.keys(entry).find(
    (one) => general === one || general.startsWith(`${one}.`) || general.startsWith(`${one}[`),
  );
  return listed === undefined ? undefined : `${type}: ${listed}`;
}

/** Every entry as `type` or `type: property`, for the test that none has outlived its use. */
export const excuses = (): string[] =>
  Object.entries(NO_LOCAL_MEANING).flatMap(([type, entry]) =>
    typeof entry === 'string' ? [type] : Object.keys(entry).map((path) => `${type}: ${path}`),
  );
