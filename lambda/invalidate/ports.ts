import {
  type CloudFrontClient,
  CreateInvalidationCommand,
  GetInvalidationCommand,
} from '@aws-sdk/client-cloudfront';
import { UnexpectedAnswer } from '../shared/failure.ts';
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
      if (!Invalidation?.Id)
        throw new UnexpectedAnswer('CreateInvalidation answered without an id');
      return { id: Invalidation.Id, completed: Invalidation.Status === 'Completed' };
    },
    async completed(DistributionId, Id, abortSignal) {
      const { Invalidation } = await client.send(
        new GetInvalidationCommand({ DistributionId, Id }),
        { abortSignal },
      );
      // Taken for one in progress, it would be waited for until the deadline, and nobody would say why.
      if (!Invalidation?.Status)
        throw new UnexpectedAnswer('GetInvalidation answered without a status');
      return Invalidation.Status === 'Completed';
    },
  };
}
