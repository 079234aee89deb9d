import {
  CloudFrontClient,
  CreateInvalidationCommand,
  GetInvalidationCommand,
} from '@aws-sdk/client-cloudfront';
import { TIMEOUTS } from '../shared/clients.ts';
import { systemClock } from '../shared/clock.ts';
import { jobHandler } from '../shared/handler.ts';
import { type InvalidationPorts, invalidate, VISITORS } from './invalidate.ts';

// In the function's own Region: CloudFront is global, and the SDK finds its one endpoint from the
// Region's partition.
const client = new CloudFrontClient({ requestHandler: TIMEOUTS, maxAttempts: 3 });

const cloudFront: InvalidationPorts = {
  async create(DistributionId, CallerReference, paths, abortSignal) {
    const { Invalidation } = await client.send(
      new CreateInvalidationCommand({
        DistributionId,
        InvalidationBatch: {
          CallerReference,
          Paths: { Quantity: paths.length, Items: [...paths] },
        },
      }),
      { abortSignal },
    );
    if (!Invalidation?.Id) throw new Error('CreateInvalidation answered without an id');
    return { id: Invalidation.Id, completed: Invalidation.Status === 'Completed' };
  },
  async completed(DistributionId, Id, abortSignal) {
    const { Invalidation } = await client.send(new GetInvalidationCommand({ DistributionId, Id }), {
      abortSignal,
    });
    return Invalidation?.Status === 'Completed';
  },
};

export const handler = jobHandler({
  visitors: VISITORS,
  work: (job, invocation) => invalidate(job, cloudFront, systemClock, invocation),
});
