import { fileURLToPath } from 'node:url';
import { Duration, RemovalPolicy, type Size } from 'aws-cdk-lib';
import { type IGrantable, type IPrincipal, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Runtime } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

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
  readonly function: NodejsFunction;
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

    this.function = new NodejsFunction(this, 'Function', {
      ...props,
      role,
      logGroup,
      entry: inLambda(`${handler}/index.ts`),
      depsLockFilePath: inLambda('../package-lock.json'),
      projectRoot: inLambda('..'),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      // Whoever sent the event knows best when to send it again: the pipeline reports a failed job, and a
      // clean-up comes every day. Lambda's own retries would come minutes later, when things have moved on.
      retryAttempts: 0,
      maxEventAge: Duration.minutes(5),
      bundling: {
        bundleAwsSDK: true,
        format: OutputFormat.CJS,
        // The SDK's ES modules let esbuild drop what is unused: half the start-up time.
        mainFields: ['module', 'main'],
        target: 'node24',
        minify: true,
        esbuildArgs: {
          '--alias:@aws-sdk/credential-provider-node': inLambda(
            'shared/environment-credentials.ts',
          ),
        },
      },
    });
    this.grantPrincipal = role;
  }
}

const inLambda = (path: string): string =>
  fileURLToPath(new URL(`../../lambda/${path}`, import.meta.url));
