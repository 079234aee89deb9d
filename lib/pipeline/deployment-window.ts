import { type Conditions, Result, Rule } from 'aws-cdk-lib/aws-codepipeline';
import type { ResolvedConfig } from '../config.ts';

/**
 * Lets an execution into its stage when the window is open: until then it waits before it. It needs no
 * permission and costs nothing. Source: CodePipeline user guide, rule reference "DeploymentWindow".
 */
export const deploymentWindow = ({
  cron,
  timeZone,
}: NonNullable<ResolvedConfig['deploymentWindow']>): Conditions => ({
  conditions: [
    {
      rules: [
        new Rule({
          name: 'DeploymentWindow',
          provider: 'DeploymentWindow',
          version: '1',
          configuration: { Cron: cron, TimeZone: timeZone },
        }),
      ],
      // An entry condition wants a result. Never SKIP, which would invalidate for a release that is not live.
      result: Result.FAIL,
    },
  ],
});
