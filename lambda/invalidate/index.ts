import { CloudFrontClient } from '@aws-sdk/client-cloudfront';
import { TIMEOUTS } from '../shared/clients.ts';
import { systemClock } from '../shared/clock.ts';
import { jobHandler } from '../shared/handler.ts';
import { invalidate, VISITORS } from './invalidate.ts';
import { invalidationPorts } from './ports.ts';

// In the function's own Region: CloudFront is global, and the SDK finds its one endpoint from the
// Region's partition.
const cloudFront = invalidationPorts(
  new CloudFrontClient({ requestHandler: TIMEOUTS, maxAttempts: 3 }),
);

export const handler = jobHandler({
  visitors: VISITORS,
  work: (job, invocation) => invalidate(job, cloudFront, systemClock, invocation),
});
