import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { ResolvedConfig } from './config.ts';
import { tidyBucketEmptying } from './emptying.ts';
import { Hosting } from './hosting/hosting.ts';
import { Outputs } from './outputs.ts';
import { Notifications } from './pipeline/notifications.ts';
import { Pipeline } from './pipeline/pipeline.ts';
import { Invalidate } from './release/invalidate.ts';
import { Promote } from './release/promote.ts';
import { Prune } from './release/prune.ts';
import { Upload } from './release/upload.ts';

export interface SiteStackProps extends StackProps {
  readonly config: ResolvedConfig;
}

/** A static site and the pipeline that publishes it: one stack, deployed and destroyed as a whole. */
export class SiteStack extends Stack {
  constructor(scope: Construct, id: string, { config, ...props }: SiteStackProps) {
    super(scope, id, props);

    const hosting = new Hosting(this, 'Hosting', { config });

    const upload = new Upload(this, 'Upload', { config, hosting });
    const promote = new Promote(this, 'Promote', { config, hosting });
    const invalidate = new Invalidate(this, 'Invalidate', { hosting });

    const { siteUrl } = hosting;
    const pipeline = new Pipeline(this, 'Pipeline', {
      config,
      upload,
      promote,
      invalidate,
      siteUrl,
    });

    const prune = new Prune(this, 'Prune', { config, hosting });

    if (config.notifications) {
      const functions = { upload, promote, invalidate, prune };
      new Notifications(this, 'Notifications', {
        ...{ notifications: config.notifications, config, hosting, pipeline, functions },
      });
    }

    new Outputs(this, 'Outputs', { config, hosting, pipeline });
    tidyBucketEmptying(this);
  }
}
