import { ArnFormat, Stack } from 'aws-cdk-lib';
import {
  type BuildEnvironmentVariable,
  BuildEnvironmentVariableType,
} from 'aws-cdk-lib/aws-codebuild';
import type { IConstruct } from 'constructs';
import { acknowledgeWildcards } from '../acknowledge.ts';
import type { BuildEnvironment, BuildVariable } from '../options/build-environment.ts';

/** As CDK takes them, which also grants the project's role to read each parameter and secret, and no other. */
export function environmentVariables(
  environment: BuildEnvironment,
): Record<string, BuildEnvironmentVariable> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, variable]) => [name, environmentVariable(variable)]),
  );
}

function environmentVariable(variable: BuildVariable): BuildEnvironmentVariable {
  if (typeof variable === 'string') return { value: variable };
  if ('parameter' in variable) {
    return { type: BuildEnvironmentVariableType.PARAMETER_STORE, value: variable.parameter };
  }
  const { secret, key } = variable;
  return {
    type: BuildEnvironmentVariableType.SECRETS_MANAGER,
    value: key === undefined ? secret : `${secret}:${key}`,
  };
}

/** The end of a secret's ARN is made up by Secrets Manager: CDK's grants leave it open. */
export function acknowledgeSecrets(project: IConstruct, environment: BuildEnvironment): void {
  const stack = Stack.of(project);
  const arns = Object.values(environment).flatMap((variable) => {
    if (typeof variable === 'string' || !('secret' in variable)) return [];
    if (variable.secret.startsWith('arn:')) return [`${variable.secret}*`];
    return [
      stack.formatArn({
        service: 'secretsmanager',
        resource: 'secret',
        resourceName: `${variable.secret}-??????`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    ];
  });
  acknowledgeWildcards(
    project,
    arns,
    'One secret that the config names: Secrets Manager adds six characters of its own to the name in the ARN.',
  );
}
