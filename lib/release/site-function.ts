import { Duration, RemovalPolicy, type Size } from 'aws-cdk-lib';
import { type IGrantable, type IPrincipal, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { bundledCode } from './bundle.ts';

export interface SiteFunctionProps {
  /** The folder under `lambda/` whose `index.ts` exports `handler`. */
  readonly handler: string;
  readonly description: string;
  readonly timeout: Duration;
  /** In MiB. Lambda gives processor time in proportion: 1,769 are one whole core. */
  readonly memorySize: number;
  /** @default 512 MiB, Lambda's own */
  readonly ephemeralStorageSize?: Size;
  readonly environment: Record<string, string>;
}

/**
 * A Lambda function of the site: bundled with the SDK it was tested with, logging to a group of its own, and
 * run once for each event.
 */
export class SiteFunction extends Construct implements IGrantable {
  readonly function: LambdaFunction;
  readonly grantPrincipal: IPrincipal;

  constructor(scope: Construct, id: string, { handler, ...props }: SiteFunctionProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_MONTH,
      // Logs explain releases of this stack; without it there is nothing left to explain.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Not AWSLambdaBasicExecutionRole: that one may write to, and create, every log group there is.
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
    logGroup.grantWrite(role);

    this.function = new LambdaFunction(this, 'Function', {
      ...props,
      role,
      logGroup,
      code: bundledCode(`${handler}/index.ts`),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      // Whoever sent the event knows best when to send it again: the pipeline reports a failed job, and a
      // clean-up comes every day. Lambda's own retries would come minutes later, when things have moved on.
      retryAttempts: 0,
      maxEventAge: Duration.minutes(5),
    });
    this.grantPrincipal = role;
  }
}
