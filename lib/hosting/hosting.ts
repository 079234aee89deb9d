import { Construct } from 'constructs';
import type { ResolvedConfig } from '../config.ts';
import { AccessLogs } from './access-logs.ts';
import { Content } from './content.ts';
import { Delivery } from './delivery.ts';
import { Domain } from './domain.ts';
import { Router } from './router.ts';
import { StoredHeaders } from './stored-headers.ts';

export interface HostingProps {
  readonly config: ResolvedConfig;
}

/** What visitors reach: the content bucket, the router with its pointer, and CloudFront before them. */
export class Hosting extends Construct {
  readonly content: Content;
  readonly router: Router;
  readonly delivery: Delivery;
  /** Where visitors find the site: `https://www.example.com`. */
  readonly siteUrl: string;

  constructor(scope: Construct, id: string, { config }: HostingProps) {
    super(scope, id);
    this.content = new Content(this, 'Content', { config });
    this.router = new Router(this, 'Router', { config });
    const domain = config.domain && new Domain(this, 'Domain', { config, domain: config.domain });
    this.delivery = new Delivery(this, 'Delivery', {
      config,
      content: this.content,
      router: this.router,
      domain,
      ...(config.headersFile && {
        storedHeaders: new StoredHeaders(this, 'StoredHeaders', { config }),
      }),
    });
    const { distribution } = this.delivery;
    domain?.leadTo(distribution);
    this.siteUrl = `https://${config.domain?.name ?? distribution.distributionDomainName}`;
    if (config.accessLogs) {
      new AccessLogs(this, 'AccessLogs', { accessLogs: config.accessLogs, distribution });
    }
  }
}
