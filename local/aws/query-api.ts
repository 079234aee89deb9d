import type { IncomingMessage, ServerResponse } from 'node:http';
import { nameOf } from '../iam/callers.ts';
import { type Call, LocalService, readBody, ServiceError, type ServiceOptions } from './service.ts';
import type { Topics } from './topics.ts';
import { toXml } from './xml.ts';

export interface LocalQueryApiOptions extends ServiceOptions {
  readonly accountId: string;
  readonly region: string;
  /** The one stack there is, deployed as it were. */
  readonly stack: {
    readonly name: string;
    /** Resolved, by name. */
    readonly outputs: Readonly<Record<string, string>>;
  };
  /** @default - there is none */
  readonly topics?: Topics;
}

interface Operation {
  readonly namespace: string;
  /** Of an IAM policy. */
  readonly action: string;
  /** Besides `Action` and `Version`. */
  readonly parameters: readonly string[];
}

/** By version and action: services that speak AWS's query protocol tell each other apart by nothing else. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  '2010-05-15 DescribeStacks': {
    namespace: 'http://cloudformation.amazonaws.com/doc/2010-05-15/',
    action: 'cloudformation:DescribeStacks',
    parameters: ['StackName'],
  },
  '2011-06-15 GetCallerIdentity': {
    namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
    action: 'sts:GetCallerIdentity',
    parameters: [],
  },
  '2010-03-31 Publish': {
    namespace: 'http://sns.amazonaws.com/doc/2010-03-31/',
    action: 'sns:Publish',
    parameters: ['TopicArn', 'Subject', 'Message'],
  },
};

/**
 * CloudFormation, STS and SNS, as far as somebody asks them what the stack consists of and who they are, and
 * publishes a message: one server for all.
 */
export class LocalQueryApi extends LocalService {
  readonly #options: LocalQueryApiOptions;
  readonly #stackId: string;

  constructor(options: LocalQueryApiOptions) {
    super(options);
    this.#options = options;
    const { accountId, region, stack } = options;
    this.#stackId = `arn:aws:cloudformation:${region}:${accountId}:stack/${stack.name}/local`;
  }

  protected override async handle(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
  ): Promise<void> {
    const caller = this.callerOf(request);
    const body = new URLSearchParams((await readBody(request, 64 * 1024, tooLarge)).toString());
    const name = body.get('Action') ?? 'nothing';
    const operation = OPERATIONS[`${body.get('Version')} ${name}`];
    if (operation === undefined) {
      throw this.unknown(400, 'InvalidAction', `${name} of version ${body.get('Version')}`);
    }
    const { namespace, action, parameters } = operation;
    for (const parameter of body.keys()) {
      if (['Action', 'Version', ...parameters].includes(parameter)) continue;
      throw this.unknown(400, 'InvalidParameterValue', `${name}: ${parameter}`);
    }
    const topicArn = body.get('TopicArn') ?? '';
    const resource =
      name === 'DescribeStacks' ? this.#stackId : name === 'Publish' ? topicArn : '*';
    // Everybody may know who they are, whatever a policy says (STS API reference, GetCallerIdentity).
    if (name !== 'GetCallerIdentity') this.authorise(caller, action, resource);
    const result = this.#resultOf(name, body, nameOf(caller));
    const text = toXml({
      [`${name}Response`]: {
        '@xmlns': namespace,
        [`${name}Result`]: result,
        ResponseMetadata: { RequestId: requestId },
      },
    });
    response.writeHead(200, {
      'content-type': 'text/xml',
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
  }

  #resultOf(name: string, body: URLSearchParams, principal: string): object {
    switch (name) {
      case 'DescribeStacks':
        return this.#stacks(body.get('StackName'));
      case 'Publish':
        return this.#publish(body);
      default:
        return this.#caller(principal);
    }
  }

  #publish(body: URLSearchParams) {
    const [topicArn = '', subject = '', message = ''] = ['TopicArn', 'Subject', 'Message'].map(
      (name) => body.get(name) ?? '',
    );
    const { topics } = this.#options;
    if (!topics) throw new ServiceError(404, 'NotFound', 'Topic does not exist');
    return { MessageId: topics.publish(topicArn, subject, message) };
  }

  #stacks(name: string | null) {
    const { stack } = this.#options;
    if (name !== null && name !== stack.name && name !== this.#stackId) {
      throw new ServiceError(400, 'ValidationError', `Stack with id ${name} does not exist`);
    }
    return {
      Stacks: {
        member: {
          StackId: this.#stackId,
          StackName: stack.name,
          CreationTime: new Date(0).toISOString(),
          StackStatus: 'CREATE_COMPLETE',
          Outputs: {
            member: Object.entries(stack.outputs).map(([OutputKey, OutputValue]) => ({
              OutputKey,
              OutputValue,
            })),
          },
        },
      },
    };
  }

  #caller(principal: string) {
    const { accountId } = this.#options;
    return {
      Arn: principal.startsWith('arn:') ? principal : `arn:aws:iam::${accountId}:user/${principal}`,
      UserId: principal,
      Account: accountId,
    };
  }

  protected override denied(call: Call, because: string): ServiceError {
    const { status, code, message } = super.denied(call, because);
    // SNS has words of its own.
    return call.action === 'sns:Publish'
      ? new ServiceError(status, 'AuthorizationError', message.replace('sns:', 'SNS:'))
      : new ServiceError(status, code, message);
  }

  protected override render({ status, code, message }: ServiceError, requestId: string) {
    const Type = status < 500 ? 'Sender' : 'Receiver';
    return {
      contentType: 'text/xml',
      body: toXml({
        ErrorResponse: {
          Error: { Type, Code: code, Message: message },
          RequestId: requestId,
        },
      }),
    };
  }
}

const tooLarge = () =>
  new ServiceError(413, 'RequestEntityTooLarge', 'The request has more than 64 KB.');
