import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { Hosting } from '../hosting/hosting.ts';
import { SITE_PREFIX } from './contract.ts';
import { JobFunction } from './job-function.ts';

export interface InvalidateProps {
  readonly hosting: Hosting;
}

/**
 * Removes paths from CloudFront's caches and waits until that is done. Knows nothing of releases: any
 * pipeline may call it with `{"distributionId": "…", "objectPaths": ["/*"]}` once its
 * role may create invalidations on that distribution.
 */
export class Invalidate extends Construct {
  readonly job: JobFunction;
  /** What the pipeline's own Invalidate action asks for: the one object that is ever overwritten. */
  readonly userParameters: { readonly distributionId: string; readonly objectPaths: string[] };

  constructor(scope: Construct, id: string, { hosting }: InvalidateProps) {
    super(scope, id);
    const { distribution } = hosting.delivery;

    this.job = new JobFunction(this, 'Job', {
      handler: 'invalidate',
      description: 'Creates a CloudFront invalidation and waits for its end',
      timeout: Duration.minutes(2),
      memorySize: 256,
      environment: {},
    });
    distribution.grant(this.job, 'cloudfront:CreateInvalidation', 'cloudfront:GetInvalidation');
    this.userParameters = {
      distributionId: distribution.distributionId,
      objectPaths: [`/${SITE_PREFIX}*`],
    };
  }
}
