import type { Environment } from '../assembly/physical-ids.ts';
import type { Caller } from '../iam/callers.ts';
import type { PipelineAccess } from './access.ts';
import { BuildFailure, type BuildProject } from './codebuild.ts';

export interface BuildStart extends Environment {
  readonly project: BuildProject;
  readonly access: PipelineAccess;
  /** In whose name CodeBuild acts. */
  readonly builder: Caller;
  readonly uuid: string;
}

/**
 * What CodeBuild does in the project's role before it runs a command: it opens the log, reads stored variables and the cache.
 *
 * @throws BuildFailure in CodeBuild's words where the role may not do that
 */
export function assertMayStart(start: BuildStart): void {
  const { project, access, builder, uuid, region, accountId } = start;
  const { name, serviceRole, logGroup, stored, cacheLocation } = project;
  const demand = (action: string, resource: string, wrapped: (reason: string) => BuildFailure) => {
    try {
      access.demand(builder, action, resource);
    } catch (error) {
      throw wrapped((error as Error).message);
    }
  };
  if (logGroup !== undefined) {
    const stream = `arn:aws:logs:${region}:${accountId}:log-group:${logGroup}:log-stream:${uuid}`;
    for (const action of ['logs:CreateLogStream', 'logs:PutLogEvents']) {
      demand(action, stream, (reason) => {
        const build = `arn:aws:codebuild:${region}:${accountId}:build/${name}:${uuid}`;
        return new BuildFailure(
          'ACCESS_DENIED',
          `Service role ${serviceRole} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams for build ${build}. Error message: ${reason}`,
        );
      });
    }
  }
  for (const { keptIn, id } of stored) {
    const [action, resource] =
      keptIn === 'PARAMETER_STORE'
        ? [
            'ssm:GetParameters',
            `arn:aws:ssm:${region}:${accountId}:parameter/${id.replace(/^\//, '')}`,
          ]
        : ['secretsmanager:GetSecretValue', secretArn(id, { region, accountId })];
    demand(action, resource, (reason) => {
      const reader = keptIn === 'PARAMETER_STORE' ? 'Parameter Store' : 'Secrets Manager';
      return new BuildFailure('CLIENT_ERROR', `${reader}: AccessDeniedException: ${reason}`);
    });
  }
  if (cacheLocation !== undefined) {
    for (const action of ['s3:GetObject', 's3:PutObject']) {
      demand(action, `arn:aws:s3:::${cacheLocation}/${name}`, (reason) => {
        return new BuildFailure('CLIENT_ERROR', `cache: AccessDenied: ${reason}`);
      });
    }
  }
}

/** What goes wrong with an artifact, in CodeBuild's words. @throws BuildFailure */
export async function transfer(what: string, work: Promise<unknown>): Promise<void> {
  await work.catch((error: Error) => {
    const code = (error as { readonly code?: string }).code;
    throw new BuildFailure('CLIENT_ERROR', `${code ? `${code}: ` : ''}${error.message} ${what}`);
  });
}

/** Secrets Manager ends its ARNs with six characters of its own. */
const secretArn = (id: string, { region, accountId }: Environment): string =>
  id.startsWith('arn:') ? id : `arn:aws:secretsmanager:${region}:${accountId}:secret:${id}-a1B2c3`;
