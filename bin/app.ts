import { App } from 'aws-cdk-lib';
import { resolveConfigs } from '../lib/config.ts';
import { SiteStack } from '../lib/site-stack.ts';
import { config } from '../site.config.ts';

const app = new App();

for (const resolved of resolveConfigs(config)) {
  new SiteStack(app, resolved.name, {
    config: resolved,
    env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: process.env.CDK_DEFAULT_REGION },
    description: `${resolved.name}: a static site that git push publishes, one whole release at a time`,
  });
}
