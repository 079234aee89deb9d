import type { Construct } from 'constructs';
import { acknowledgeWildcards } from '../acknowledge.ts';
import { SiteFunction, type SiteFunctionProps } from './site-function.ts';

/** A function that does a CodePipeline job and reports its result itself. */
export class JobFunction extends SiteFunction {
  constructor(scope: Construct, id: string, props: SiteFunctionProps) {
    super(scope, id, props);
    acknowledgeWildcards(
      this,
      ['*'],
      'IAM knows no resource for job results; a job id is an unguessable UUID of this account.',
    );
  }
}
