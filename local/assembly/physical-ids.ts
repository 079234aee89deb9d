import { createHash } from 'node:crypto';

export interface Environment {
  readonly accountId: string;
  readonly region: string;
}

/** What `Ref` and `Fn::GetAtt` give for one resource. */
export interface PhysicalIds {
  readonly ref: string;
  readonly attributes: Readonly<Record<string, string>>;
}

interface Subject extends Environment {
  /** `atomic-site-HostingContentBucket4DE38BB2`: what CloudFormation would build a name from. */
  readonly name: string;
  /** Hexadecimal digits that belong to this resource: the same on every start. */
  readonly digits: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/**
 * Ids in the form that AWS gives them, made up from stack and logical id: the handlers check some of
 * them, and a state directory must fit the same stack on its next start.
 */
export function physicalIds(
  type: string,
  stack: string,
  logicalId: string,
  properties: Readonly<Record<string, unknown>>,
  environment: Environment,
): PhysicalIds {
  const make = MAKERS[type];
  if (!make) return { ref: logicalId, attributes: {} };
  const digits = createHash('sha256').update(`${stack}/${logicalId}`).digest('hex');
  return make({ ...environment, name: `${stack}-${logicalId}`, digits, properties });
}

/** Whether somebody here brings such a resource up. */
export const isKnownType = (type: string): boolean => type in MAKERS;

const arn = (service: string, { region, accountId }: Environment, resource: string) =>
  `arn:aws:${service}:${region}:${accountId}:${resource}`;

/** CloudFront is a global service: its ARNs name no Region. */
const cloudFrontArn = ({ accountId }: Environment, resource: string) =>
  `arn:aws:cloudfront::${accountId}:${resource}`;

const MAKERS: Readonly<Record<string, (subject: Subject) => PhysicalIds>> = {
  'AWS::S3::Bucket': ({ name, digits, region }) => {
    const bucket = `${name.toLowerCase().slice(0, 50)}-${digits.slice(0, 12)}`;
    return {
      ref: bucket,
      attributes: {
        Arn: `arn:aws:s3:::${bucket}`,
        DomainName: `${bucket}.s3.amazonaws.com`,
        RegionalDomainName: `${bucket}.s3.${region}.amazonaws.com`,
      },
    };
  },
  'AWS::CloudFront::Distribution': (subject) => {
    const id = `E${subject.digits.slice(0, 13).toUpperCase()}`;
    return {
      ref: id,
      attributes: { Id: id, DomainName: `d${subject.digits.slice(0, 13)}.cloudfront.net` },
    };
  },
  'AWS::CloudFront::KeyValueStore': (subject) => {
    const id = uuid(subject.digits);
    return {
      ref: subject.name,
      attributes: { Id: id, Arn: cloudFrontArn(subject, `key-value-store/${id}`) },
    };
  },
  'AWS::CloudFront::Function': (subject) => {
    const functionArn = cloudFrontArn(subject, `function/${String(subject.properties.Name)}`);
    return { ref: functionArn, attributes: { FunctionARN: functionArn } };
  },
  'AWS::CloudFront::ResponseHeadersPolicy': ({ digits }) => ({
    ref: uuid(digits),
    attributes: { Id: uuid(digits) },
  }),
  'AWS::CloudFront::CachePolicy': ({ digits }) => ({
    ref: uuid(digits),
    attributes: { Id: uuid(digits) },
  }),
  'AWS::CloudFront::OriginAccessControl': ({ digits }) => {
    const id = `E${digits.slice(0, 13).toUpperCase()}`;
    return { ref: id, attributes: { Id: id } };
  },
  'AWS::Logs::LogGroup': (subject) => ({
    ref: subject.name,
    attributes: { Arn: arn('logs', subject, `log-group:${subject.name}:*`) },
  }),
  'AWS::Logs::DeliverySource': (subject) => delivery(subject, 'delivery-source'),
  'AWS::Logs::DeliveryDestination': (subject) => delivery(subject, 'delivery-destination'),
  'AWS::Logs::Delivery': ({ digits }) => ({ ref: digits.slice(0, 16), attributes: {} }),
  'AWS::IAM::Role': ({ name, accountId }) => ({
    ref: name,
    attributes: { Arn: `arn:aws:iam::${accountId}:role/${name}` },
  }),
  'AWS::IAM::Policy': ({ name }) => ({ ref: name, attributes: {} }),
  'AWS::IAM::ManagedPolicy': ({ name, accountId }) => ({
    ref: `arn:aws:iam::${accountId}:policy/${name}`,
    attributes: {},
  }),
  'AWS::Lambda::Function': (subject) => {
    const name = subject.name.slice(0, 64);
    return { ref: name, attributes: { Arn: arn('lambda', subject, `function:${name}`) } };
  },
  'AWS::CodeCommit::Repository': (subject) => {
    const name = String(subject.properties.RepositoryName);
    return {
      ref: uuid(subject.digits),
      attributes: {
        Name: name,
        Arn: arn('codecommit', subject, name),
        CloneUrlHttp: `https://git-codecommit.${subject.region}.amazonaws.com/v1/repos/${name}`,
      },
    };
  },
  'AWS::CodeBuild::Project': (subject) => ({
    ref: subject.name,
    attributes: { Arn: arn('codebuild', subject, `project/${subject.name}`) },
  }),
  'AWS::CodePipeline::Pipeline': ({ name }) => ({ ref: name, attributes: {} }),
  'AWS::S3::BucketPolicy': ({ name }) => ({ ref: name, attributes: {} }),
  'AWS::Lambda::EventInvokeConfig': ({ name }) => ({ ref: name, attributes: {} }),
  'AWS::Lambda::Permission': ({ name }) => ({ ref: name, attributes: {} }),
  'AWS::SNS::Topic': (subject) => {
    const topicArn = arn('sns', subject, subject.name);
    return { ref: topicArn, attributes: { TopicArn: topicArn, TopicName: subject.name } };
  },
  'AWS::SNS::TopicPolicy': ({ name }) => ({ ref: name, attributes: {} }),
  'AWS::SNS::Subscription': (subject) => ({
    ref: arn('sns', subject, `${subject.name}:${uuid(subject.digits)}`),
    attributes: {},
  }),
  'AWS::Events::Rule': (subject) => ({
    ref: subject.name,
    attributes: { Arn: arn('events', subject, `rule/${subject.name}`) },
  }),
};

const delivery = (subject: Subject, kind: string): PhysicalIds => {
  const name = String(subject.properties.Name);
  return { ref: name, attributes: { Arn: arn('logs', subject, `${kind}:${name}`) } };
};

const uuid = (digits: string): string =>
  [8, 4, 4, 4, 12]
    .reduce<{ parts: string[]; at: number }>(
      ({ parts, at }, length) => ({
        parts: [...parts, digits.slice(at, at + length)],
        at: at + length,
      }),
      { parts: [], at: 0 },
    )
    .parts.join('-');
