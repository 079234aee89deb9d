import {
  type CloudFrontClient,
  CreateInvalidationCommand,
  GetInvalidationCommand,
} from '@aws-sdk/client-cloudfront';
import { required } from '../shared/failure.ts';
import type { InvalidationPorts } from './invalidate.ts';

/** The invalidations of CloudFront. */
export function invalidationPorts(client: CloudFrontClient): InvalidationPorts {
  return {
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
      const id = required(Invalidation?.Id, 'CreateInvalidation answered without an id');
      return { id, completed: Invalidation?.Status === 'Completed' };
    },
    async completed(DistributionId, Id, abortSignal) {
      const { Invalidation } = await client.send(
        new GetInvalidationCommand({ DistributionId, Id }),
        { abortSignal },
      );
      // Taken for one in progress, it would be waited for until the deadline, and nobody would say why.
      const status = required(Invalidation?.Status, 'GetInvalidation answered without a status');
      return status === 'Completed';
    },
  };
}
