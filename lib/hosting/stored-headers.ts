import {
  Function as EdgeFunction,
  FunctionCode,
  FunctionRuntime,
} from 'aws-cdk-lib/aws-cloudfront';
import { Construct } from 'constructs';
import type { ResolvedConfig } from '../config.ts';
import { storedHeadersCode } from './edge/code.ts';

export interface StoredHeadersProps {
  readonly config: ResolvedConfig;
}

/** The function at the edge that gives answers the headers that the site's `_headers` says. */
export class StoredHeaders extends Construct {
  readonly viewerResponse: EdgeFunction;

  constructor(scope: Construct, id: string, { config }: StoredHeadersProps) {
    super(scope, id);
    this.viewerResponse = new EdgeFunction(this, 'ViewerResponse', {
      comment: `${config.name}: gives answers the headers of _headers`,
      code: FunctionCode.fromInline(storedHeadersCode(config)),
      runtime: FunctionRuntime.JS_2_0,
    });
  }
}
