import type { Assembly } from './assembly/assembly.ts';
import type { ServiceOptions } from './aws/service.ts';
import type { Target } from './event-rules.ts';
import type { Account, Keys } from './iam/account.ts';
import { type Caller, nameOf } from './iam/callers.ts';
import { messageOf } from './iam/decision.ts';
import type { LoggingFunction } from './lambda/functions.ts';
import type { PipelineAccess } from './pipeline/access.ts';

export interface AccessInput {
  readonly assembly: Assembly;
  readonly account: Account;
  /** Where the services are. */
  endpoints(): Readonly<Record<string, string>>;
  readonly allow?: ServiceOptions['allow'] | undefined;
}

/** In whose name the template's functions, builds, actions and rules act, and what that lets them do. */
export class Access implements PipelineAccess {
  constructor(private readonly input: AccessInput) {}

  /**
   * Looks whether Lambda, CodeBuild and CodePipeline may be the roles that the template gives them, which AWS does when they are deployed.
   *
   * @throws Error naming resource and property of all of them
   */
  assertTrusted(): void {
    const problems: string[] = [];
    for (const [type, property, service] of [
      ['AWS::Lambda::Function', 'Role', 'lambda'],
      ['AWS::CodeBuild::Project', 'ServiceRole', 'codebuild'],
      ['AWS::CodePipeline::Pipeline', 'RoleArn', 'codepipeline'],
    ] as const) {
      for (const { logicalId, properties } of this.input.assembly.ofType(type)) {
        try {
          this.#serviceIn(service, properties[property], 'start');
        } catch (error) {
          problems.push(`${logicalId} (${type}): ${property}: ${(error as Error).message}`);
        }
      }
    }
    if (problems.length > 0) throw new Error(problems.join('\n'));
  }

  /** What a program finds in its environment, as that caller. */
  environmentOf(caller: Caller): Readonly<Record<string, string>> {
    const { accessKeyId, secretAccessKey, sessionToken } = this.input.account.keysOf(caller);
    const { LOCAL_ADDRESSES: _, ...endpoints } = this.input.endpoints();
    return {
      ...endpoints,
      AWS_REGION: this.input.assembly.environment.region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
    };
  }

  /** The caller that a function is. */
  functionCaller({ name, role }: { readonly name: string; readonly role: string }): Caller {
    return this.#serviceIn('lambda', role, name);
  }

  /** Why somebody may not make a call, in AWS's words; nothing where they may. */
  refusal(caller: Caller, action: string, resource: string): string | undefined {
    const { account, allow } = this.input;
    const revoked = allow?.({ principal: nameOf(caller), action, resource }) === false;
    const decision = account.decide({ caller, action, resource, revoked });
    return decision.allowed ? undefined : messageOf({ caller, action, resource }, decision.because);
  }

  /** Why a function's role may not write to its log; nothing where it may. */
  logRefusal(of: LoggingFunction, stream: string): string | undefined {
    const { accountId, region } = this.input.assembly.environment;
    const resource = `arn:aws:logs:${region}:${accountId}:log-group:${of.logGroup}:log-stream:${stream}`;
    const caller = this.functionCaller(of);
    return (
      this.refusal(caller, 'logs:CreateLogStream', resource) ??
      this.refusal(caller, 'logs:PutLogEvents', resource)
    );
  }

  /** Which rule of EventBridge does not reach its target, and why; nothing where it does. */
  targetRefusal({ rule, arn, roleArn }: Target): string | undefined {
    try {
      if (roleArn === undefined) {
        const caller = { service: 'events.amazonaws.com', sourceArn: rule.arn };
        this.demand(caller, 'lambda:InvokeFunction', arn);
      } else {
        const caller = this.#serviceIn('events', roleArn, rule.logicalId);
        this.demand(caller, 'codepipeline:StartPipelineExecution', arn);
      }
      return undefined;
    } catch (error) {
      return `${rule.logicalId}: ${(error as Error).message}`;
    }
  }

  actor(roleArn: string | undefined): Caller {
    const { assembly, account } = this.input;
    const { ref, properties } = assembly.theOnly('AWS::CodePipeline::Pipeline');
    const pipeline = this.#serviceIn('codepipeline', properties.RoleArn, ref);
    return roleArn === undefined ? pipeline : account.assume(pipeline, roleArn, ref);
  }

  builder(roleArn: string | undefined, uuid: string): Caller {
    return this.#serviceIn('codebuild', roleArn ?? '', `AWSCodeBuild-${uuid}`);
  }

  demand(caller: Caller, action: string, resource: string, before = ''): void {
    const because = this.refusal(caller, action, resource);
    if (because !== undefined) throw new Error(`${before}${because}`);
  }

  /** AWS documents no more than that they are for the artifacts; here they are the action's own, for this bucket alone. */
  artifactKeys(caller: Caller, bucket: string): Keys {
    const { account } = this.input;
    const arn = `arn:aws:s3:::${bucket}`;
    const artifacts = { Effect: 'Allow', Action: 's3:*', Resource: [arn, `${arn}/*`] };
    return account.keysOf(
      account.narrowed(caller, { Version: '2012-10-17', Statement: [artifacts] }),
    );
  }

  #serviceIn(service: string, roleArn: string, session: string): Caller {
    return this.input.account.assume({ service: `${service}.amazonaws.com` }, roleArn, session);
  }
}
